"""The environment, read once into frozen Settings, or one message that names all that is wrong with it."""

import hashlib
import os
import re
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from devpush.errors import BadSettings

ROOT = Path(__file__).resolve().parent.parent
MIN_SECRET = 32
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
OF_ONE_DEPLOYMENT = "-id-[0-9a-f]{7,32}(-[0-9a-f]{4})?$"
"""How the label of such a hostname ends; PostgreSQL reads the pattern likewise."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of the platform. Times are seconds, memory is MB, CPU is µs per 100 ms."""

    app_name: str = "/dev/push"
    app_description: str = "Push to deploy, on your own server"
    url_scheme: str = "http"
    le_email: str = ""
    le_staging: bool = False
    """Certificates come from Let's Encrypt's staging, which no browser trusts: to try things without its limits."""
    acme_directory: str = LETS_ENCRYPT
    """Who issues certificates, for a Traefik of our own."""
    dns_provider: str = ""
    """lego's name of who serves DEPLOY_DOMAIN's zone: Traefik proves by DNS that it is ours, and gets one certificate
    for all names under it. Its credentials are for Traefik alone (dns.env)."""
    hostname: str = "localhost"
    deploy_domain: str = "localhost"
    server_ip: str = "127.0.0.1"
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    email_logo: str = ""
    email_sender_name: str = ""
    email_sender_address: str = ""
    resend_api_key: str = field(default="", repr=False)
    resend_api_url: str = "https://api.resend.com"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_username: str = ""
    smtp_password: str = field(default="", repr=False)
    github_app_id: str = ""
    github_app_name: str = ""
    github_app_private_key: str = field(default="", repr=False)
    github_app_webhook_secret: str = field(default="", repr=False)
    github_app_client_id: str = ""
    github_app_client_secret: str = field(default="", repr=False)
    github_url: str = "https://github.com"
    github_api_url: str = "https://api.github.com"
    google_issuer: str = "https://accounts.google.com"
    """Another OpenID provider works as well, if it has a discovery document."""
    google_client_id: str = ""
    google_client_secret: str = field(default="", repr=False)
    postgres_host: str | None = None
    """None: our own, as a child process (see local.py). Likewise `redis_url` and `traefik_config_dir`."""
    postgres_port: int = 5432
    postgres_db: str = "devpush"
    postgres_user: str = "devpush-app"
    postgres_password: str = field(default="", repr=False)
    redis_url: str | None = field(default=None, repr=False)
    traefik_config_dir: Path | None = None
    traefik_url: str = "http://127.0.0.1:80"
    """Where we see Traefik's entry point answer; only for a Traefik that is not our own."""
    traefik_access_log: Path | None = None
    """Where that Traefik writes its access log as JSON; without it requests are neither listed nor counted."""
    traefik_secure_url: str = "https://127.0.0.1:443"
    """Likewise its entry point for https: there we see which certificates visitors are shown."""
    loki_url: str = field(default="", repr=False)
    """Log lines are kept there; empty: in PostgreSQL."""
    log_spool_mb: int = 512
    """What is kept on disk of the lines that wait for a Loki that is away."""
    log_retention_days: int = 30
    """How long log lines are kept. Loki has a retention of its own; older lines are not looked for."""
    docker_host: str = "unix:///var/run/docker.sock"
    container_runtime: str = ""
    """What Docker starts containers of apps and builds with, by the name in its own configuration (gVisor: runsc);
    empty: its default."""
    data_dir: Path
    upload_dir: Path
    default_cpu_quota: int = 100_000
    default_memory_mb: int = 4096
    app_disk_mb: int = 2048
    """What an app may write into its container; a build may write four times as much."""
    job_timeout: int = 320
    job_completion_wait: int = 300
    deployment_timeout: int = 300
    max_concurrent_deployments: int = 2
    log_level: str = "WARNING"
    db_echo: bool = False
    env: str = "development"
    access_email_denied_message: str = "This e-mail address may not sign in here."
    access_email_denied_webhook_url: str = ""
    backup_place: str = ""
    """A folder, or s3://bucket/prefix."""
    backup_passphrase: str = field(default="", repr=False)
    """What every backup is encrypted with; without one none is made."""
    backup_every: int = 24
    """Hours; 0: none by themselves."""
    backup_keep: int = 7
    s3_endpoint: str = ""
    """Where BACKUP_PLACE's bucket is, if not at Amazon's."""
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: str = field(default="", repr=False)
    kept_images: int = 5
    """To how many of an environment's newest deployments one can roll back without a build."""
    build_cache_mb: int = 2048
    """The most that a project's build caches take, once no build of it runs."""
    disk_reserve_mb: int = 1024
    """What builds must leave free of the disk."""
    drain_seconds: int = 30
    """How long what served goes on for those who are still connected, once a newer one serves."""
    deleted_keep_days: int = 7
    """How long a deleted project can be restored; 0: not at all."""
    metrics_token: str = field(default="", repr=False)
    """What Prometheus shows at /metrics; without one there is no such page."""
    allow_private_addresses: tuple[str, ...] = ()
    """Networks (CIDR) that repositories may be fetched from although they are private: of one's own Git server."""
    source_url: str = ""
    """Where /dev/push itself comes from (Git): the operator is told of newer versions. Empty: nobody looks."""
    runner_ca_bundle: Path | None = None
    base_image: str = ""
    """Build every runner image on this image instead of the official ones (closed networks)."""
    image_registries: tuple[str, ...] = (
        "docker.io", "ghcr.io", "quay.io", "gcr.io", "public.ecr.aws", "mcr.microsoft.com", "registry.gitlab.com"
    )  # fmt: skip
    """Where the images may come from that a repository's own Dockerfile builds on."""
    bind: str = "127.0.0.1"
    port: int = 8000
    http_port: int = 8080

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def mail_configured(self) -> bool:
        return bool(self.smtp_host or self.resend_api_key)

    @property
    def google_configured(self) -> bool:
        return bool(self.google_client_id and self.google_client_secret)

    @property
    def dashboard_url(self) -> str:
        """Where people reach the dashboard, without a final slash. The only source of absolute links.
        While one develops, https means a tunnel: it ends at our port, but doesn't show it."""
        if self.production or self.url_scheme == "https":
            return f"{self.url_scheme}://{self.hostname}"
        return f"{self.url_scheme}://{self.hostname}:{self.port}"

    def app_url(self, hostname: str) -> str:
        """Where people reach an app's hostname, without a final slash."""
        scheme, standard = ("https", 443) if self.certified(hostname) else ("http", 80)
        outside = standard if self.production else self.http_port
        return f"{scheme}://{hostname}" + ("" if outside == standard else f":{outside}")

    def certified(self, hostname: str) -> bool:
        """Whether an app's hostname is to have a certificate. The one of a single deployment has one only where one is
        good for all: Let's Encrypt issues 50 a week, which are for names that last."""
        label, _, below = hostname.partition(".")
        passing = below == self.deploy_domain and re.search(OF_ONE_DEPLOYMENT, label)
        return self.url_scheme == "https" and (bool(self.dns_provider) or not passing)

    @property
    def wildcard(self) -> str:
        """The name that is good for all hostnames of apps; "" where each has a certificate of its own."""
        return f"*.{self.deploy_domain}" if self.url_scheme == "https" and self.dns_provider else ""


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises BadSettings with every complaint at once."""
    reader = _Reader(os.environ if environ is None else environ)
    settings = reader.settings()
    if reader.complaints:
        raise BadSettings("Please mend these settings:\n" + "\n".join(f"  - {line}" for line in reader.complaints))
    return settings


def default_data_dir(checkout: Path = ROOT) -> Path:
    """Beside the code, so that a fresh clone is a fresh installation; elsewhere if our PostgreSQL couldn't reach it."""
    if os.geteuid() == 0 and not all(folder.stat().st_mode & 0o001 for folder in (checkout, *checkout.parents)):
        return Path("/var/lib/devpush") / hashlib.sha256(str(checkout).encode()).hexdigest()[:8]
    return checkout / ".data"


class _Reader:
    """Takes values out of the environment and collects complaints instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.complaints: list[str] = []

    def settings(self) -> Settings:
        env = self.choice("ENV", "development", {"development", "production"})
        data_dir = self.path("DATA_DIR") or default_data_dir()
        embedded = not (self.text("POSTGRES_HOST") and self.text("REDIS_URL") and self.text("TRAEFIK_CONFIG_DIR"))
        if env == "production":
            self._production()
        secret_key, encryption_keys = self._secrets(env, data_dir)
        self._together(*GITHUB_APP)
        self._together("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
        self._together("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")
        return Settings(
            app_name=self.text("APP_NAME", "/dev/push"),
            app_description=self.text("APP_DESCRIPTION", Settings.app_description),
            url_scheme=self.choice("URL_SCHEME", "https" if env == "production" else "http", {"http", "https"}),
            le_email=self.email("LE_EMAIL"),
            le_staging=self.flag("LE_STAGING"),
            acme_directory=self.url("ACME_DIRECTORY", STAGING if self.flag("LE_STAGING") else LETS_ENCRYPT),
            dns_provider=self._dns_provider(),
            hostname=self.host("APP_HOSTNAME", self.host("HOSTNAME", "localhost", machine_name_ok=True)),
            deploy_domain=self.host("DEPLOY_DOMAIN", "localhost"),
            server_ip=self.text("SERVER_IP") or self.text("SERVER_UP", "127.0.0.1"),
            secret_key=secret_key,
            encryption_keys=encryption_keys,
            email_logo=self.url("EMAIL_LOGO", ""),
            email_sender_name=self.text("EMAIL_SENDER_NAME"),
            email_sender_address=self.email("EMAIL_SENDER_ADDRESS"),
            resend_api_key=self.text("RESEND_API_KEY"),
            resend_api_url=self.url("RESEND_API_URL", Settings.resend_api_url),
            smtp_host=self.text("SMTP_HOST"),
            smtp_port=self.number("SMTP_PORT", 587, 1, 65535),
            smtp_username=self.text("SMTP_USERNAME"),
            smtp_password=self.text("SMTP_PASSWORD"),
            github_app_id=self.digits("GITHUB_APP_ID"),
            github_app_name=self.text("GITHUB_APP_NAME"),
            github_app_private_key=self.text("GITHUB_APP_PRIVATE_KEY").replace("\\n", "\n"),
            github_app_webhook_secret=self.text("GITHUB_APP_WEBHOOK_SECRET"),
            github_app_client_id=self.text("GITHUB_APP_CLIENT_ID"),
            github_app_client_secret=self.text("GITHUB_APP_CLIENT_SECRET"),
            github_url=self.url("GITHUB_URL", "https://github.com"),
            github_api_url=self.url("GITHUB_API_URL", "https://api.github.com"),
            google_issuer=self.url("GOOGLE_ISSUER", Settings.google_issuer),
            google_client_id=self.text("GOOGLE_CLIENT_ID"),
            google_client_secret=self.text("GOOGLE_CLIENT_SECRET"),
            postgres_host=self.text("POSTGRES_HOST") or None,
            postgres_port=self.number("POSTGRES_PORT", 5432, 1, 65535),
            postgres_db=self.text("POSTGRES_DB", "devpush"),
            postgres_user=self.text("POSTGRES_USER", "devpush-app"),
            postgres_password=self.text("POSTGRES_PASSWORD"),
            redis_url=self.url("REDIS_URL", "", {"redis", "rediss", "unix"}) or None,
            traefik_config_dir=self.path("TRAEFIK_CONFIG_DIR"),
            traefik_url=self.url("TRAEFIK_URL", "http://127.0.0.1:80"),
            traefik_access_log=self.path("TRAEFIK_ACCESS_LOG"),
            traefik_secure_url=self.url("TRAEFIK_SECURE_URL", Settings.traefik_secure_url, {"https"}),
            loki_url=self.url("LOKI_URL", ""),
            log_spool_mb=self.number("LOG_SPOOL_MB", 512, 16, 1_048_576),
            log_retention_days=self.number("LOG_RETENTION_DAYS", 30, 1, 3650),
            docker_host=self.url("DOCKER_HOST", Settings.docker_host, {"unix", "tcp", "http", "https"}),
            container_runtime=self.word("CONTAINER_RUNTIME", like="runsc"),
            data_dir=data_dir,
            upload_dir=self.path("UPLOAD_DIR") or (data_dir / "upload" if embedded else Path("/upload")),
            default_cpu_quota=self.number("DEFAULT_CPU_QUOTA", 100_000, 1_000, 12_800_000),
            default_memory_mb=self.number("DEFAULT_MEMORY_MB", 4096, 16, 1_048_576),
            app_disk_mb=self.number("APP_DISK_MB", 2048, 16, 1_048_576),
            job_timeout=self.number("JOB_TIMEOUT", 320, 10, 86_400),
            job_completion_wait=self.number("JOB_COMPLETION_WAIT", 300, 0, 86_400),
            deployment_timeout=self.number("DEPLOYMENT_TIMEOUT", 300, 1, 86_400),
            max_concurrent_deployments=self.number("MAX_CONCURRENT_DEPLOYMENTS", min(4, os.cpu_count() or 2), 1, 64),
            log_level=self.choice("LOG_LEVEL", "WARNING", {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}, str.upper),
            db_echo=self.flag("DB_ECHO"),
            env=env,
            access_email_denied_message=self.text("ACCESS_EMAIL_DENIED_MESSAGE", Settings.access_email_denied_message),
            access_email_denied_webhook_url=self.url("ACCESS_EMAIL_DENIED_WEBHOOK_URL", ""),
            backup_place=self.place("BACKUP_PLACE", data_dir / "backups"),
            backup_passphrase=self.text("BACKUP_PASSPHRASE"),
            backup_every=self.number("BACKUP_EVERY", 24, 0, 720),
            backup_keep=self.number("BACKUP_KEEP", 7, 1, 1000),
            s3_endpoint=self.url("S3_ENDPOINT", ""),
            s3_region=self.text("S3_REGION", "us-east-1"),
            s3_access_key_id=self.text("S3_ACCESS_KEY_ID"),
            s3_secret_access_key=self.text("S3_SECRET_ACCESS_KEY"),
            kept_images=self.number("KEPT_IMAGES", 5, 1, 1000),
            build_cache_mb=self.number("BUILD_CACHE_MB", 2048, 0, 1_048_576),
            disk_reserve_mb=self.number("DISK_RESERVE_MB", 1024, 0, 1_048_576),
            drain_seconds=self.number("DRAIN_SECONDS", 30, 0, 86_400),
            deleted_keep_days=self.number("DELETED_KEEP_DAYS", 7, 0, 365),
            metrics_token=self.text("METRICS_TOKEN"),
            allow_private_addresses=self.networks("ALLOW_PRIVATE_ADDRESSES"),
            source_url=self.url("SOURCE_URL", ""),
            runner_ca_bundle=self.file("RUNNER_CA_BUNDLE"),
            base_image=self.text("BASE_IMAGE"),
            image_registries=self.registries("IMAGE_REGISTRIES", Settings.image_registries),
            bind=self.text("BIND", "127.0.0.1"),
            port=self.number("PORT", 8000, 1, 65535),
            http_port=self.number("HTTP_PORT", 8080, 1, 65535),
        )

    # One method a kind of value

    def text(self, name: str, default: str = "") -> str:
        value = self.environ.get(name, "").strip() or default
        if "\0" in value:
            self.complaints.append(f"{name} holds a NUL character.")
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name)
        if not value:
            return default
        if re.fullmatch(r"-?[0-9]{1,12}", value) and low <= int(value) <= high:
            return int(value)
        self.complaints.append(f"{name} must be a whole number from {low} to {high}, not {value!r}.")
        return default

    def digits(self, name: str) -> str:
        """A number that somebody else gave."""
        value = self.text(name)
        if value and not re.fullmatch(r"[0-9]{1,18}", value):
            self.complaints.append(f"{name} must be a number, not {value!r}.")
            return ""
        return value

    def word(self, name: str, like: str) -> str:
        value = self.text(name).lower()
        if value and not re.fullmatch(r"[a-z0-9._-]{1,60}", value):
            self.complaints.append(f"{name} must be a name like {like}, not {value!r}.")
            return ""
        return value

    def choice(self, name: str, default: str, allowed: set[str], fold: Callable[[str], str] = str.lower) -> str:
        value = fold(self.text(name, default))
        if value in allowed:
            return value
        self.complaints.append(f"{name} must be one of {', '.join(sorted(allowed))}, not {value!r}.")
        return default

    def flag(self, name: str) -> bool:
        yes, no = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
        value = self.text(name).lower()
        if value not in yes | no:
            self.complaints.append(f"{name} must be true or false, not {value!r}.")
        return value in yes

    def host(self, name: str, default: str, *, machine_name_ok: bool = False) -> str:
        value = self.text(name).lower().rstrip(".")
        if not value:
            return default
        if machine_name_ok and value == socket.gethostname().lower() and "." not in value:
            return default  # shells and containers export HOSTNAME by themselves: nobody chose it
        label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        if len(value) <= 253 and re.fullmatch(rf"{label}(\.{label})*", value):
            return value
        self.complaints.append(f"{name} must be a host name like example.com, not {value!r}.")
        return default

    def url(self, name: str, default: str, schemes: set[str] | None = None) -> str:
        value = self.text(name, default).rstrip("/")
        if not value:
            return value
        allowed = schemes or {"http", "https"}
        try:
            parts = urlsplit(value)
            good = parts.scheme in allowed and bool(parts.netloc or parts.scheme == "unix")
        except ValueError:
            good = False
        if not good:
            shown = ", ".join(f"{scheme}://" for scheme in sorted(allowed))
            self.complaints.append(f"{name} must be an address that begins with {shown}.")
            return default
        return value

    def email(self, name: str) -> str:
        value = self.text(name)
        if value and not re.fullmatch(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+", value):
            self.complaints.append(f"{name} must be an e-mail address, not {value!r}.")
        return value

    def networks(self, name: str) -> tuple[str, ...]:
        found = []
        for word in self.text(name).replace(",", " ").split():
            try:
                found.append(str(ip_network(word, strict=False)))
            except ValueError:
                self.complaints.append(f"{name} must hold networks like 192.168.1.0/24, not {word!r}.")
        return tuple(found)

    def registries(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """`none`: no registry at all."""
        words = tuple(self.text(name, ",".join(default)).lower().replace(",", " ").split())
        for word in words:
            if not re.fullmatch(r"[a-z0-9.-]+(:[0-9]{1,5})?", word):
                self.complaints.append(f"{name} must hold names like docker.io or registry.lan:5000, not {word!r}.")
        return () if words == ("none",) else words

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        if value and not Path(value).is_absolute():
            return Path.cwd() / value
        return Path(value) if value else None

    def place(self, name: str, default: Path) -> str:
        """A folder, or a bucket that we have a key for."""
        value = self.text(name).rstrip("/")
        if not value.startswith("s3:"):
            return str(self.path(name) or default)
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", value):
            self.complaints.append(f"{name} must be a folder, or s3://bucket/prefix, not {value!r}.")
        elif not self.text("S3_ACCESS_KEY_ID"):
            self.complaints.append(f"{name} is a bucket: S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set.")
        return value

    def file(self, name: str) -> Path | None:
        value = self.path(name)
        if value and not value.is_file():
            self.complaints.append(f"{name} names {value}, which is not a file.")
        return value

    def _dns_provider(self) -> str:
        name = self.word("DNS_PROVIDER", like="cloudflare or route53")
        if name and not self.text("TRAEFIK_CONFIG_DIR"):
            self.complaints.append(
                "DNS_PROVIDER is for a Traefik that is not our own: please set TRAEFIK_CONFIG_DIR too."
            )
        return name

    def _together(self, *names: str) -> None:
        """One of them alone is of no use."""
        missing = [name for name in names if not self.text(name)]
        if missing and len(missing) < len(names):
            self.complaints.append(f"{', '.join(missing)} must be set as well, or {names[0]} and the others left out.")

    # Secrets

    def _production(self) -> None:
        """In production nothing secret may be made up, short or shared."""
        needed = ["SECRET_KEY", "ENCRYPTION_KEY", "DEPLOY_DOMAIN"]
        if self.text("POSTGRES_HOST"):
            needed.append("POSTGRES_PASSWORD")
        self.complaints += [f"{name} must be set in production." for name in needed if not self.text(name)]
        if not self.text("APP_HOSTNAME") and self.host("HOSTNAME", "", machine_name_ok=True) in (
            "",
            "localhost",
        ):
            self.complaints.append("APP_HOSTNAME must be set in production.")
        seen: dict[str, str] = {}
        for name in SECRETS:
            value = self.text(name)
            if not value:
                continue
            low = MIN_SECRET if name in ("SECRET_KEY", "ENCRYPTION_KEY") else 12
            if len(value) < low:
                self.complaints.append(f"{name} is too short: at least {low} characters in production.")
            elif len(set(value)) < 6 or value.lower().startswith(
                ("change", "secret", "password", "default", "example")
            ):
                self.complaints.append(f"{name} looks like a placeholder: generate one (openssl rand -hex 32).")
            if value in seen:
                self.complaints.append(f"{name} is the same as {seen[value]}: every secret needs a value of its own.")
            seen.setdefault(value, name)

    def _secrets(self, env: str, data_dir: Path) -> tuple[str, tuple[str, ...]]:
        """The two keys: from the environment, or in development made once and kept under DATA_DIR/keys."""
        keys = tuple(key.strip() for key in self.text("ENCRYPTION_KEY").split(",") if key.strip())
        for key in keys:
            try:
                Fernet(key)
            except ValueError:
                self.complaints.append(
                    "ENCRYPTION_KEY must hold keys of 32 bytes in URL-safe base64, separated by commas "
                    '(python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())").'
                )
                break
        if env == "production" or self.complaints:
            return self.text("SECRET_KEY"), keys
        return (
            self.text("SECRET_KEY") or _kept(data_dir / "keys" / "secret_key", secrets.token_hex(32)),
            keys or (_kept(data_dir / "keys" / "encryption_key", Fernet.generate_key().decode()),),
        )


GITHUB_APP = (
    "GITHUB_APP_ID",
    "GITHUB_APP_NAME",
    "GITHUB_APP_PRIVATE_KEY",
    "GITHUB_APP_WEBHOOK_SECRET",
    "GITHUB_APP_CLIENT_ID",
    "GITHUB_APP_CLIENT_SECRET",
)
SECRETS = (
    "SECRET_KEY",
    "ENCRYPTION_KEY",
    "POSTGRES_PASSWORD",
    "SMTP_PASSWORD",
    "RESEND_API_KEY",
    "GITHUB_APP_WEBHOOK_SECRET",
    "GITHUB_APP_CLIENT_SECRET",
    "GOOGLE_CLIENT_SECRET",
    "METRICS_TOKEN",
    "BACKUP_PASSPHRASE",
    "S3_SECRET_ACCESS_KEY",
)
OF_THIS_SERVER = (
    *("HOSTNAME", "SERVER_IP", "SERVER_UP", "BIND", "PORT", "HTTP_PORT", "DATA_DIR", "UPLOAD_DIR", "DOCKER_HOST"),
    *("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "REDIS_URL", "LOKI_URL"),
    *("TRAEFIK_CONFIG_DIR", "TRAEFIK_URL", "TRAEFIK_SECURE_URL", "TRAEFIK_ACCESS_LOG", "RUNNER_CA_BUNDLE"),
)
"""What another server has another value for: a backup doesn't bring these back."""


def given(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a backup keeps: the settings that the environment gives, by name, and the two keys wherever they come
    from."""
    noting = _Noting(os.environ if environ is None else environ)
    _Reader(noting).settings()
    found = {name: noting[name] for name in sorted(noting.asked) if noting.get(name) and name not in OF_THIS_SERVER}
    return found | {"SECRET_KEY": settings.secret_key, "ENCRYPTION_KEY": ",".join(settings.encryption_keys)}


class _Noting(dict[str, str]):
    """Remembers which names were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def keep_keys(data_dir: Path, secret_key: str, encryption_key: str) -> None:
    """Put the two keys where a server without them in its environment looks for them."""
    folder = data_dir / "keys"
    for name, value in (("secret_key", secret_key), ("encryption_key", encryption_key)):
        (folder / name).unlink(missing_ok=True)
        _kept(folder / name, value)


def _kept(path: Path, fresh: str) -> str:
    """The secret in that file; made with 0600 the first time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(fresh)
        return fresh
    except FileExistsError:
        return path.read_text().strip()
    except OSError as error:
        raise BadSettings(f"DATA_DIR ({path.parent.parent}) can't be written: {error.strerror}.") from None
