#!/usr/bin/env bash
# bash start_ai_function.sh --software=./software --input=<dataset> --output=<out> --config=config.yaml --mode=train|inference --gpu=<id>
# --flag=value and --flag value both work. All but --software go to main.py in that folder; paths are relative to the caller.
set -euo pipefail

software=""
rest=()
while [ $# -gt 0 ]; do
    case "$1" in
        --software=*) software="${1#--software=}" ;;
        --software)
            [ $# -ge 2 ] || { echo "start_ai_function.sh: --software needs the folder that holds main.py" >&2; exit 2; }
            software="$2"
            shift
            ;;
        *) rest+=("$1") ;;
    esac
    shift
done

if [ -z "$software" ]; then
    echo "start_ai_function.sh: --software is missing: name the folder that holds main.py" >&2
    exit 2
fi
if [ ! -f "$software/main.py" ]; then
    echo "start_ai_function.sh: no main.py in $software (--software): name the folder that holds it" >&2
    exit 2
fi
python=${PYTHON:-$(command -v python || command -v python3)} || { echo "start_ai_function.sh: no python on the PATH" >&2; exit 2; }
exec "$python" "$software/main.py" ${rest[@]+"${rest[@]}"}
