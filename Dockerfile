# Wan2.2 LoRA Studio in a container: not root, nothing of the image is written to.
#
#   docker compose run --rm studio users add anna --role admin
#   docker compose up
#
# The CPU build of PyTorch by default; for an NVIDIA GPU:
#   docker compose build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
FROM python:3.11.14-slim-bookworm

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1

RUN useradd --create-home --uid 10001 studio \
    && mkdir -p /studio/loras /studio/models /studio/outputs /studio/data \
    && chown -R studio:studio /studio

WORKDIR /opt/studio
COPY requirements.txt constraints.txt ./
RUN pip install --index-url "${TORCH_INDEX}" torch==2.13.0 \
    && pip install -r requirements.txt -c constraints.txt

COPY . .
RUN cp -a models/. /studio/models/ && cp -a loras/. /studio/loras/ \
    && chown -R studio:studio /studio

USER studio
ENV HOME=/studio/data TMPDIR=/tmp
VOLUME ["/studio/loras", "/studio/models", "/studio/outputs", "/studio/data"]
EXPOSE 7860

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]

ENTRYPOINT ["python", "app.py", "--loras-dir", "/studio/loras", "--models-dir", "/studio/models", "--outputs-dir", "/studio/outputs", "--data-dir", "/studio/data"]
CMD ["--host", "0.0.0.0", "--no-browser"]
