/*
 * rgd_patch.h - planted damage, named on mkdump's command line. A patch is WHERE FIELD=VALUE; all checksums are
 * right afterwards, so a reader meets the damage itself. Bit flips and truncation are other tools' work.
 *
 *   --header FIELD=VALUE            the file header
 *   --tail FIELD=VALUE              the tail
 *   --chunk SEC.COL.N FIELD=VALUE   the Nth chunk of a column, in the file and in the table of contents
 *   --in-file SEC.COL.N FIELD=VALUE only in the file         --in-toc SEC.COL.N FIELD=VALUE  only in the contents
 *   --drop SEC.COL.N                leave the chunk out      --twice SEC.COL.N               write it two times
 *   --poke SEC.COL.ROW VALUE        another value in a column (EDGES column 100: the target itself)
 *   --bomb SEC.COL.N SIZE           the payload becomes a zstd frame of SIZE zero bytes; header numbers stay
 *   --junk SEC.COL.N                the payload becomes bytes that are no zstd frame, still marked as zstd
 *   --garble SEC.COL.N BYTE         every payload byte becomes BYTE, uncompressed
 *   --cut SEC.COL.N BYTES           the raw payload loses its last BYTES, rows stay
 *   --extra-column SEC              a column that no minor version knows, with as many rows as column 0
 *   --extra-section                 a section that no minor version knows
 */
#ifndef REFGRAPH_TESTS_RGD_PATCH_H
#define REFGRAPH_TESTS_RGD_PATCH_H

#include "rgd_write.h"

/* Takes one option and its arguments from argv[at]; returns how many words it took, 0 when the option is not one of ours. */
int patch_option(int argc, char **argv, int at);
/* NULL when no patch was asked for. */
const struct rgd_hooks *patch_hooks(void);

#endif
