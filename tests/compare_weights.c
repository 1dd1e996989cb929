/* compare_weights A B TOLERANCE: whether two weight files hold the same tensors, each differing by
 * at most TOLERANCE of its largest value; 0 asks for the same bits. Prints the largest difference.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frostline/weights.h"

static float *read_all(const fl_weights *w, const fl_tensor_info *t) {
    float *v = fl_alloc(t->count * sizeof *v);
    if (fl_tensor_read_float(w, t, v) != FL_OK) fl_die(FL_ERR_INPUT, fl_message());
    return v;
}

/* Largest difference over largest value; -1 for a tensor that is missing or misshaped, 0 for the
 * same bits. */
static double difference(const fl_weights *a, const fl_weights *b, const fl_tensor_info *t) {
    const fl_tensor_info *u = fl_weights_find(b, t->name);
    if (!u || u->count != t->count || memcmp(u->d, t->d, sizeof t->d) != 0) return -1;
    if (u->bytes == t->bytes && memcmp(u->data, t->data, t->bytes) == 0) return 0;
    float *x = read_all(a, t), *y = read_all(b, u);
    double most = 0, largest = 1e-30;
    for (size_t i = 0; i < t->count; i++) {
        most = fmax(most, fabs((double)x[i] - y[i]));
        largest = fmax(largest, fabs((double)x[i]));
    }
    fl_free(x);
    fl_free(y);
    return most > 0 ? most / largest : 1e-30; /* other bits, though equal: -0 and 0 */
}

int main(int argc, char **argv) {
    fl_weights *a, *b;
    if (argc != 4 || fl_weights_open(argv[1], &a) != FL_OK ||
        fl_weights_open(argv[2], &b) != FL_OK) {
        fprintf(stderr, "usage: compare_weights A B TOLERANCE\n%s\n", fl_message());
        return 2;
    }
    double tolerance = strtod(argv[3], NULL), worst = 0;
    bool equal = fl_weights_count(a) == fl_weights_count(b);
    for (int i = 0; i < fl_weights_count(a); i++) {
        const fl_tensor_info *t = fl_weights_at(a, i);
        double d = difference(a, b, t);
        worst = fmax(worst, d);
        if (d >= 0 && d <= tolerance) continue;
        printf("%s: %s by %g\n", t->name,
               d < 0 ? "missing or misshaped, not comparable" : "differs", d);
        equal = false;
    }
    printf("largest difference %g\n", worst);
    fl_weights_close(a);
    fl_weights_close(b);
    return equal ? 0 : 1;
}
