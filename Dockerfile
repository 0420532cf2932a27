# One image for the worker and the API; docker-compose.yml says which of them a container is. On top of its base it holds
# what requirements-libvirt.txt names (all of requirements-run.txt, and what speaks to a libvirt elsewhere), what of Debian that
# needs, and Instar; nothing of the tests, and no compiler. `make sbom` runs the same script on any machine.
# The base is pinned by the version of Python: what its digest is could not be looked up where this was written.
FROM python:3.11-slim AS build
WORKDIR /src
COPY deploy/libvirt-packages.sh deploy/
RUN deploy/libvirt-packages.sh build
COPY requirements-run.txt requirements-libvirt.txt requirements-libvirt-build.txt ./
COPY deploy/install.sh deploy/
RUN WITH=libvirt deploy/install.sh /opt/instar packages
COPY requirements-build.txt pyproject.toml README.md LICENSE ./
COPY activities activities
COPY workflows workflows
COPY worker worker
COPY api api
COPY instar instar
RUN deploy/install.sh /opt/instar instar

FROM python:3.11-slim
COPY deploy/libvirt-packages.sh /usr/local/lib/
RUN /usr/local/lib/libvirt-packages.sh remote && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/instar /opt/instar
# The volume takes over owner and mode of this folder when it is first mounted.
RUN useradd --create-home --uid 10001 instar && install -d -o instar -g instar -m 0700 /data
# By number: a host that must know that it is not root knows no names of this image.
USER 10001:10001
ENV PATH=/opt/instar/bin:$PATH PYTHONUNBUFFERED=1 INSTAR_DATA_DIR=/data
VOLUME /data
CMD ["python", "-P", "-m", "worker"]
