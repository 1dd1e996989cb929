/* Whether all ranks were given the same file. The ranks of a node fill what they share together, so
 * a rank with another file would not show in the values afterwards. */
#include <string.h>

#include "frostline/weights.h"
#include "train/session.h"

static fl_status compare(fl_comm *c, const fl_weights *w) {
    size_t n = (size_t)fl_weights_count(w);
    const char **names = fl_alloc(n * sizeof *names);
    uint64_t *hashes = fl_alloc(n * sizeof *hashes);
    for (size_t i = 0; i < n; i++) {
        const fl_tensor_info *t = fl_weights_at(w, (int)i);
        names[i] = t->name;
        hashes[i] = fl_hash(t->data, t->bytes, fl_hash(t->name, strlen(t->name), t->dtype));
    }
    fl_status status = fl_comm_same_hashes(c, "the weights file", n, names, hashes);
    fl_free(names);
    fl_free(hashes);
    return status;
}

fl_status fl_same_weights(fl_comm *c, const char *path) {
    fl_weights *w = NULL;
    if (!path || fl_comm_size(c) == 1) return FL_OK;
    fl_status status = fl_comm_agree(c, fl_weights_open(path, &w));
    if (status == FL_OK) status = compare(c, w);
    if (w) fl_weights_close(w);
    return status;
}
