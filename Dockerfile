# One image for both programs: the runner that Jobs call, and the operator. Any Debian-like base with Python 3.11 or
# newer and its venv module will do; the version that builds is the version that runs.
ARG BASE_IMAGE=python:3.13-slim-bookworm

# Locked dependencies first: a change of our code leaves this layer, the large one, alone.
FROM ${BASE_IMAGE} AS dependencies
COPY requirements/build.txt requirements/runtime.txt /tmp/requirements/
# pip lives in an environment of its own, so that it does not travel with the result.
RUN python3 -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/requirements/build.txt \
 && python3 -m venv --without-pip /opt/switchback \
 && /opt/build/bin/pip --python /opt/switchback/bin/python install --no-cache-dir --no-compile \
      --require-hashes --only-binary :all: -r /tmp/requirements/runtime.txt \
 # The hash of a source never has to be checked: nothing can change in an image. That makes every start faster.
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/switchback/lib \
 && echo /opt/package > "$(echo /opt/switchback/lib/python3*/site-packages)/switchback-package.pth"

FROM dependencies AS package
COPY pyproject.toml README.md LICENSE /src/
COPY operator/switchback /src/operator/switchback
# In a folder beside the environment, so that a change of our code is a small layer.
RUN /opt/build/bin/pip install --no-cache-dir --no-compile --no-deps --no-index --no-build-isolation \
      --target /opt/package /src \
 && sed -i '1s|.*|#!/opt/switchback/bin/python|' /opt/package/bin/* \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/package

FROM ${BASE_IMAGE}
COPY --from=dependencies /opt/switchback /opt/switchback
COPY --from=package /opt/package /opt/package
# Nothing is written next to the code, and lines appear when they are printed.
ENV PATH=/opt/package/bin:/opt/switchback/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["switchback"]
