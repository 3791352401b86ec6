"""Web services that can stand behind a guard; they replace Crossbar's own."""
