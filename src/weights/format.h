/* format.h: what a weight format provides, and what it may use. */
#ifndef FROSTLINE_WEIGHTS_FORMAT_H
#define FROSTLINE_WEIGHTS_FORMAT_H

#include "frostline/weights.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are mapped as they lie");

/* Where a file being written goes: buffered; the first error is kept and reported at the end. */
typedef struct fl_sink {
    FILE *file;
    int error; /* errno of the first write that failed; 0 */
} fl_sink;
void fl_sink_put(fl_sink *s, const void *bytes, size_t n);

/* What a write hands to its format. Counts and sizes of the tensors are filled in and checked. */
typedef struct fl_weights_content {
    const char *path; /* for messages */
    int n, n_meta;
    const fl_tensor_info *tensors;
    const char *const (*meta)[2];
    fl_tensor_source *source;
    void *context;
} fl_weights_content;
void fl_sink_put_tensor(fl_sink *s, const fl_weights_content *c, int i);

typedef struct fl_weights_ops {
    const char *name;   /* "safetensors" */
    const char *ending; /* ".safetensors" */
    bool (*matches)(const unsigned char *bytes, size_t size);
    /* Checks all of w->bytes, then adds its tensors in the order of their data, and its metadata.
     */
    fl_status (*read)(fl_weights *w);
    fl_status (*write)(fl_sink *out, const fl_weights_content *content);
} fl_weights_ops;

#define FL_WEIGHTS(name) extern const fl_weights_ops fl_weights_##name;
#include "weights/weights.def"
#undef FL_WEIGHTS

/* The registry: all formats, ended by NULL. */
extern const fl_weights_ops *const fl_weights_formats[];
const fl_weights_ops *fl_weights_format_by_ending(const char *path); /* NULL if there is none */

struct fl_weights {
    char *path;
    const fl_weights_ops *format;
    const unsigned char *bytes; /* the whole file, mapped read-only; NULL if it is empty */
    size_t size;
    int count, n_meta;
    fl_tensor_info *tensors;        /* in the order of their data; names owned */
    const fl_tensor_info **by_name; /* the same, sorted */
    char *(*meta)[2];               /* owned key and value */
};

/* Copy a tensor's or a metadata pair's strings into w. */
void fl_weights_add(fl_weights *w, const fl_tensor_info *t);
void fl_weights_add_metadata(fl_weights *w, const char *key, const char *value);

/* FL_ERR_INPUT "<path>: [tensor '<tensor>': ]<what>"; unprintable bytes become '?'. */
fl_status fl_weights_refuse(const fl_weights *w, const char *tensor, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Maps the file of w->path into w->bytes. */
fl_status fl_weights_map(fl_weights *w);
void fl_weights_unmap(fl_weights *w);

/* Sets count and bytes from dtype and shape. False if a size is negative or they overflow. */
bool fl_tensor_measure(fl_tensor_info *t);
bool fl_dtype_parse(const char *name, fl_dtype *t);
/* "F32, F16, …" */
const char *fl_dtype_names(void);

/* The second half of safetensors.c. */
fl_status fl_safetensors_write(fl_sink *out, const fl_weights_content *content);

#endif
