"""Crossbar's personalities, cookie-aware. One module each, as importing `master` takes its time."""
