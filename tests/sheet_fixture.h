/* Weight files with given tensors, for the tests of loading. */
#ifndef FROSTLINE_TESTS_SHEET_FIXTURE_H
#define FROSTLINE_TESTS_SHEET_FIXTURE_H

#include <unistd.h>

#include "model_fixture.h"

typedef struct sheet { /* tensors to write; all share one block of data */
    fl_tensor_info t[256];
    char name[256][48];
    int n;
    fl_dtype dtype;
    const void *data;
} sheet;

static inline void add(sheet *s, int n, const int64_t *d, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static inline void add(sheet *s, int n, const int64_t *d, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(s->name[s->n], sizeof s->name[0], format, args);
    va_end(args);
    fl_tensor_info *t = &s->t[s->n];
    *t = (fl_tensor_info){.dtype = s->dtype, .n = n, .data = s->data};
    memcpy(t->d, d, (size_t)n * sizeof *d);
    t->count = 1;
    for (int i = 0; i < n; i++) t->count *= (size_t)d[i];
    t->bytes = t->count * fl_dtype_size(s->dtype);
    s->n++;
}
#define D(...)                                                                                     \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {                 \
        __VA_ARGS__                                                                                \
    }

static inline sheet sheet_open(fl_dtype dtype, size_t most) {
    return (sheet){.dtype = dtype, .data = fl_alloc(most * fl_dtype_size(dtype))};
}

static char path[64]; /* of this program's own file */

static inline int make_path(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/frostline-test-%d.safetensors", (int)getpid());
    return 0;
}

static inline int remove_path(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

static inline void sheet_write(sheet *s) {
    for (int i = 0; i < s->n; i++) s->t[i].name = s->name[i];
    if (fl_weights_write(path, s->n, s->t, 0, NULL) != FL_OK) fail_msg("%s", fl_message());
    fl_free((void *)s->data);
}

/* The tensors of ResNet-20 without its top, written down anew. */
static inline void norm(sheet *s, const char *name, int c) {
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    for (int i = 0; i < 4; i++) add(s, D(c), "%s.%s", name, parts[i]);
}

static inline void resnet20_sheet(sheet *s) {
    char name[32];
    add(s, D(16, 3, 3, 3), "conv1.weight");
    norm(s, "bn1", 16);
    for (int i = 0; i < 9; i++) {
        int c = 16 << i / 3, ci = i == 3 || i == 6 ? c / 2 : c;
        for (int k = 1; k <= 2; k++) {
            add(s, D(c, k == 1 ? ci : c, 3, 3), "layer%d.%d.conv%d.weight", i / 3 + 1, i % 3, k);
            snprintf(name, sizeof name, "layer%d.%d.bn%d", i / 3 + 1, i % 3, k);
            norm(s, name, c);
        }
        if (ci == c) continue;
        add(s, D(c, ci, 1, 1), "layer%d.0.downsample.0.weight", i / 3 + 1);
        snprintf(name, sizeof name, "layer%d.0.downsample.1", i / 3 + 1);
        norm(s, name, c);
    }
}

#endif
