/* keras_file IN.safetensors OUT.h5 [--variable] [--whole CONFIG.json] [--backend NAME] < LIST
 * Writes tensors as Keras does. A line of the list: FOLDER NAME TENSOR KIND, where KIND is vector,
 * dense, dense:CHANNELS (of the image that its inputs list), conv or depthwise; "FOLDER - - -": a
 * layer without weights. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frostline/weights.h"

enum { MOST = 400, WORD = 100 };

typedef struct line {
    char folder[WORD], name[WORD], tensor[WORD], kind[WORD];
} line;

static struct {
    const fl_weights *in;
    hid_t file, group;
    bool variable; /* strings of any length, as Keras 3 writes them */
    line line[MOST];
    int n;
} k;

static void check(bool fine, const char *what) {
    if (fine) return;
    fprintf(stderr, "keras_file: %s\n", what);
    exit(1);
}

static void put_strings(hid_t group, const char *name, int n, const char *const *v) {
    hsize_t size = (hsize_t)n;
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &size, NULL);
    char *fixed = fl_alloc((size_t)n * WORD);
    for (int i = 0; i < n; i++) memcpy(fixed + i * WORD, v[i], strlen(v[i]));
    H5Tset_size(type, k.variable ? H5T_VARIABLE : WORD);
    if (k.variable) H5Tset_cset(type, H5T_CSET_UTF8);
    if (n == 0) type = H5Tcopy(H5T_NATIVE_DOUBLE); /* as h5py does */
    hid_t a = H5Acreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    check(a >= 0 && H5Awrite(a, type, k.variable ? (const void *)v : fixed) >= 0, name);
    H5Aclose(a);
    fl_free(fixed);
}

static void put_text(hid_t group, const char *name, const char *text) {
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    hid_t a = H5Acreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    check(a >= 0 && H5Awrite(a, type, &text) >= 0, name);
    H5Aclose(a);
}

/* PyTorch's (co, ci, window) as (window, ci, co). */
static void turn(const float *from, size_t window, size_t ci, size_t co, float *to) {
    for (size_t o = 0; o < co; o++)
        for (size_t i = 0; i < ci; i++)
            for (size_t w = 0; w < window; w++) to[(w * ci + i) * co + o] = *from++;
}

static void put_tensor(hid_t group, const line *l) {
    const fl_tensor_info *t = fl_weights_find(k.in, l->tensor);
    check(t != NULL, l->tensor);
    float *from = fl_alloc(t->bytes), *to = fl_alloc(t->bytes);
    hsize_t d[4] = {t->count, 1, 1, 1};
    int n = 1;
    check(fl_tensor_read_float(k.in, t, from) == FL_OK, fl_message());
    memcpy(to, from, t->bytes);
    if (strncmp(l->kind, "dense", 5) == 0) {
        size_t channels = l->kind[5] ? strtoul(l->kind + 6, NULL, 10) : 1;
        turn(from, (size_t)t->d[1] / channels, channels, (size_t)t->d[0], to);
        n = 2, d[0] = (hsize_t)t->d[1], d[1] = (hsize_t)t->d[0];
    } else if (strcmp(l->kind, "vector") != 0) {
        turn(from, (size_t)(t->d[2] * t->d[3]), (size_t)t->d[1], (size_t)t->d[0], to);
        bool depthwise = strcmp(l->kind, "depthwise") == 0;
        n = 4, d[0] = (hsize_t)t->d[2], d[1] = (hsize_t)t->d[3];
        d[2] = (hsize_t)(depthwise ? t->d[0] : t->d[1]), d[3] = (hsize_t)(depthwise ? 1 : t->d[0]);
    }
    hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(n, d, NULL);
    H5Pset_create_intermediate_group(links, 1);
    hid_t data =
        H5Dcreate2(group, l->name, H5T_NATIVE_FLOAT, space, links, H5P_DEFAULT, H5P_DEFAULT);
    check(data >= 0 && H5Dwrite(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0,
          l->name);
    H5Dclose(data);
    fl_free(from);
    fl_free(to);
}

/* The neighbouring lines of one folder, from line i on; how many. */
static int put_folder(int i) {
    const char *names[MOST];
    int n = 0, lines = 0;
    hid_t group = H5Gcreate2(k.group, k.line[i].folder, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    check(group >= 0, k.line[i].folder);
    for (; i + lines < k.n && strcmp(k.line[i + lines].folder, k.line[i].folder) == 0; lines++) {
        const line *l = &k.line[i + lines];
        if (strcmp(l->name, "-") == 0) continue;
        names[n++] = l->name;
        put_tensor(group, l);
    }
    put_strings(group, "weight_names", n, names);
    H5Gclose(group);
    return lines;
}

static void put_all(void) {
    const char *folders[MOST];
    int n = 0;
    for (int i = 0; i < k.n; n++) {
        folders[n] = k.line[i].folder;
        i += put_folder(i);
    }
    put_strings(k.group, "layer_names", n, folders);
}

int main(int argc, char **argv) {
    fl_weights *in;
    char *config = NULL;
    check(argc >= 3 && fl_weights_open(argv[1], &in) == FL_OK, fl_message());
    k.in = in;
    k.group = k.file = H5Fcreate(argv[2], H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    check(k.file >= 0, argv[2]);
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--variable") == 0) k.variable = true;
        if (strcmp(argv[i], "--backend") == 0) put_text(k.group, "backend", argv[++i]);
        if (strcmp(argv[i], "--whole") != 0) continue;
        i++;
        check(fl_file_read(argv[i], &config, NULL) == FL_OK, argv[i]);
        put_text(k.file, "model_config", config);
        k.group = H5Gcreate2(k.file, "model_weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    }
    line *l = k.line;
    while (k.n < MOST && scanf("%99s %99s %99s %99s", l->folder, l->name, l->tensor, l->kind) == 4)
        k.n++, l++;
    put_all();
    if (k.group != k.file) H5Gclose(k.group);
    check(H5Fclose(k.file) >= 0, argv[2]);
    fl_weights_close(in);
    fl_free(config);
    return 0;
}
