#!/usr/bin/env bash
# samples/closure_buffer.py: 8 MiB behind a cell.
. "$(dirname "$0")/../sample.sh"
start $PY "$SAMPLES/closure_buffer.py"
take buffer
finish
equal "closure_buffer: one bytearray of 8 MiB" "$(rg by-type bytearray --columns repr --no-header buffer.rgd | tr -s ' ')" "8388608 bytes"
chain bytearray buffer.rgd
equal "closure_buffer: chain types" "$chain_types" "module,dict,dict,function,tuple,cell,bytearray,"
for word in __main__ HANDLERS resize __closure__ buffer; do contains "closure_buffer: the chain names $word" "$(cat chain)" "$word"; done
exit $failed
