# The ledger's service. Web server and workers use the same image with different commands.
FROM python:3.11-slim AS packages
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.lock ./
RUN /venv/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY clients/python ./client
RUN /venv/bin/pip install --no-deps --no-build-isolation ./client

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin ledger
COPY --from=packages /venv /venv
WORKDIR /ledger
COPY manage.py ./
COPY gunicorn.conf.py ./
COPY stack stack
COPY config config
COPY models models
COPY events events
COPY ledger ledger
COPY projections projections
COPY web web
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER ledger
EXPOSE 8000
CMD ["python", "-m", "gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--worker-tmp-dir", "/dev/shm"]
