# One image for the worker and the API; docker-compose.yml says which of them a container is.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.txt ./
RUN python -m venv /opt/instar \
 && /opt/instar/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY activities activities
COPY workflows workflows
COPY worker worker
COPY api api
COPY instar instar
RUN /opt/instar/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
COPY --from=build /opt/instar /opt/instar
# The volume takes over owner and mode of this folder when it is first mounted.
RUN useradd --create-home --uid 10001 instar && install -d -o instar -g instar -m 0700 /data
USER instar
ENV PATH=/opt/instar/bin:$PATH PYTHONUNBUFFERED=1 INSTAR_DATA_DIR=/data
VOLUME /data
CMD ["python", "-P", "-m", "worker"]
