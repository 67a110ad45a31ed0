#!/usr/bin/env bash
# Not verified on a Jetson. From a package to a TensorRT engine:
#   build_engine.sh export PHOTOS crowd.skt    on any machine, with pip install 'skt-edge[export]'
#   build_engine.sh build crowd.skt            on the Jetson, whose JetPack has TensorRT
set -euo pipefail
case "${1:-}" in
  export)
    # INT8 is in the package only if it counts like fp32 on these photos; fp16 needs none.
    skt-export --format tensorrt --precision fp16 --precision int8 --calib "$2" -o "$3"
    ;;
  build)
    # The whole power first, so that the timings that choose between fp16 and INT8 are steady.
    sudo jetson_clocks --store /tmp/clocks.conf
    sudo jetson_clocks
    trap 'sudo jetson_clocks --restore /tmp/clocks.conf' EXIT
    skt-export build-engine "$2" --size 720x1280 --workspace 1024
    ;;
  *)
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
