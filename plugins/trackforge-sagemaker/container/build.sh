#!/usr/bin/env bash
# build.sh [--print] cpu|gpu|onnx TAG [what else docker build takes: --platform linux/arm64, --build-arg BASE=..., --push]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
run=()
if [ "${1:-}" = --print ]; then run=(printf '%q ') && shift; fi
if [ $# -lt 2 ]; then sed -n 2s/..//p "${BASH_SOURCE[0]}" >&2; exit 2; fi
flavour=$1 tag=$2
shift 2
trackers="trackforge-byte trackforge-sagemaker"
case "$flavour" in
  # Everything, on torch for CPUs.
  cpu) arguments=(--build-arg INDEX=https://download.pytorch.org/whl/cpu) ;;
  # Everything, on torch and ONNX Runtime with CUDA; the host brings the driver.
  gpu) arguments=(--build-arg INSTEAD=onnxruntime=onnxruntime-gpu) ;;
  # Serving and processing with ONNX files: no torch.
  onnx) arguments=(--build-arg "INSTALL=trackforge-mot[serve] trackforge-yolox trackforge-onnx trackforge-fairmot trackforge-ssd $trackers") ;;
  *) echo "The image must be cpu, gpu or onnx; got $flavour." >&2; exit 2 ;;
esac
# BuildKit: mounts of RUN, and the .dockerignore beside the Dockerfile.
DOCKER_BUILDKIT=1 "${run[@]}" docker build --file plugins/trackforge-sagemaker/container/Dockerfile "${arguments[@]}" --tag "$tag" "$@" .
[ ${#run[@]} = 0 ] || echo
