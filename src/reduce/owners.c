/* Who updates what, and vectors like the gradients of which each node keeps what its ranks own. */
#include "reduce_internal.h"

const fl_span *fl_reduce_owned(const fl_reduce *r) {
    return r->owned;
}
const fl_span *fl_reduce_counted(const fl_reduce *r) {
    return r->counted;
}

void fl_reduce_gather(fl_reduce *r, fl_window *v) {
    if (!r->ops->shards) return;
    for (int i = 0; i < r->n; i++) r->ticket[i] = fl_window_gather_begin(v, r->bucket[i]);
    for (int i = 0; i < r->n; i++) fl_window_wait(v, r->ticket[i]);
}

/* Of its slice: the neighbours see to theirs. */
void fl_reduce_forget(const fl_reduce *r, fl_window *v) {
    for (int i = 0; i < r->n; i++) {
        fl_span slice = fl_window_slice(v, r->bucket[i]), own = r->owned[i];
        size_t own_end = own.off + own.len, end = slice.off + slice.len;
        if (slice.len == 0) continue;
        if (own.len == 0) own.off = own_end = slice.off;
        fl_window_forget(v, (fl_span){slice.off, own.off - slice.off});
        fl_window_forget(v, (fl_span){own_end, end - own_end});
    }
}
