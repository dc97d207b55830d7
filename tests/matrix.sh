#!/usr/bin/env bash
# Core and BYTE on every supported Python that this machine has. The oldest gets the oldest NumPy, which rules out the
# peers that need NumPy 2 (supervision, TrackEval) and so their tests; torch has no place here.
set -euo pipefail
cd "$(dirname "$0")/.."
for version in 3.10 3.11 3.12 3.13; do
  python=$(command -v "python$version" || true)
  if [ -z "$python" ] || ! "$python" -c '' 2>/dev/null; then
    echo "python$version: not found, left out"
    continue
  fi
  folder=.venv-$version
  leave=(--ignore-glob='*training*' --ignore-glob='*augment*' --ignore-glob='*tuning*' --ignore-glob='*models_family*' --ignore-glob='*test_bundles*' --ignore=tests/contract/test_documents.py)
  wanted=(-r requirements/matrix.txt)
  if [ "$version" = 3.10 ]; then
    wanted=('numpy==1.26.4' -e '.[cli,video,parquet,plot,ap,scipy,testing]' -e plugins/trackforge-byte -e plugins/trackforge-yolox
      pytest-timeout pytest-xdist 'setuptools>=77' wheel)
    for name in interop interop_docs motion_filterpy metrics_detection motion_kalman; do
      leave+=(--ignore="tests/unit/test_$name.py")
    done
  fi
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install -q --disable-pip-version-check -c requirements/constraints.txt "${wanted[@]}"
  echo "python$version:"
  "$folder/bin/python" -m pytest -q -n 2 -p no:cacheprovider "${leave[@]}" tests/unit tests/property tests/contract plugins/trackforge-byte
done
