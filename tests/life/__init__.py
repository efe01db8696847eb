"""The whole product as a real process, on a real Docker Engine, PostgreSQL, Valkey and Traefik."""
