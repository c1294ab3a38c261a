#!/usr/bin/env bash
# samples/closure_buffer.py: 8 MiB behind a cell.
. "$(dirname "$0")/../sample.sh"
start $PY "$SAMPLES/closure_buffer.py"
take buffer
finish
equal "closure_buffer: one bytearray of 8 MiB" "$(rg count --universe all --where 'type == bytearray and size > 8M' buffer.rgd)" 1
rg find-backref-chain --universe all --where 'type == bytearray and size > 8M' buffer.rgd >chain
equal "closure_buffer: chain types" "$(sed -E 's/^ *//; s/^([A-Za-z_]+).*/\1/' chain | tr '\n' ' ')" "module dict dict function tuple cell bytearray "
for word in __main__ HANDLERS resize __closure__ buffer; do contains "closure_buffer: the chain names $word" "$(cat chain)" "$word"; done
exit $failed
