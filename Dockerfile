# The grader and this course in an image, which is the instructor's alone: it holds the references.
#
#   docker build -t grader .                                             CPU
#   docker build -t grader:cuda --build-arg TORCH=torch==2.13.0 .        CUDA; run it with --gpus all
#   docker run --rm --network none -v "$PWD/class:/class:ro" -v "$PWD/results:/results" grader \
#       grade /class --out /results
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm

# git reads lists of clones.
RUN apt-get update \
    && apt-get install -y --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /course
ARG TORCH=""
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY grader ./grader
COPY container ./container
RUN TORCH="${TORCH}" ./container/install.sh

COPY reference ./reference
COPY solutions ./solutions
COPY assignments ./assignments
# Root grades; whoever else is in the container cannot look.
RUN chmod -R go-rwx reference solutions

ENV PATH=/course/.venv/bin:$PATH \
    GRADER_COURSE=/course \
    GRADER_SANDBOX=container \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /work
ENTRYPOINT ["grader"]
CMD ["doctor"]
