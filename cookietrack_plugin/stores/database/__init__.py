"""Crossbar's own database-backed store, passed through."""
