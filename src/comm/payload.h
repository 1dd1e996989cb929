/* payload.h: numbers on their way: where they lie, and what is done with two stretches of them.
 * frostline-simulate has its own of these, which take time instead, and one memory for all ranks.
 */
#ifndef FROSTLINE_COMM_PAYLOAD_H
#define FROSTLINE_COMM_PAYLOAD_H

#include "frostline/base.h"

void *fl_payload_open(size_t bytes);                                       /* zeroed */
void fl_payload_close(void *p);                                            /* NULL is allowed */
void fl_payload_add(float *restrict v, const float *restrict w, size_t n); /* v += w */
void fl_payload_copy(float *restrict to, const float *restrict from, size_t n);
/* Floats of the next message, when so many are left to send. Both sides ask, and get the same. */
size_t fl_payload_message(size_t left);

#endif
