/* weights.h: files of named tensors. A format is one file in src/weights and one line in
 * weights.def. */
#ifndef FROSTLINE_WEIGHTS_H
#define FROSTLINE_WEIGHTS_H

#include "frostline/base.h"

typedef enum fl_dtype {
    FL_F32,
    FL_F16,
    FL_BF16,
    FL_F64,
    FL_I64,
    FL_I32,
    FL_I16,
    FL_I8,
    FL_U64,
    FL_U32,
    FL_U16,
    FL_U8,
    FL_BOOL8,
} fl_dtype;
const char *fl_dtype_name(fl_dtype t); /* "F32", … as in safetensors */
size_t fl_dtype_size(fl_dtype t);
bool fl_dtype_is_floating(fl_dtype t);

enum { FL_MAX_DIMS = 8 };

typedef struct fl_tensor_info {
    const char *name;
    fl_dtype dtype;
    int n;
    int64_t d[FL_MAX_DIMS];
    size_t count, bytes;
    const void *data; /* little-endian, possibly unaligned; mapped from the file */
} fl_tensor_info;

typedef struct fl_weights fl_weights; /* an open file */

/* Opens by content (safetensors, npy), maps it, and checks all of its structure before anything is
 * used: header size and JSON, known dtypes, shapes whose product does not overflow, offsets without
 * holes, overlaps or bytes left over, no name twice. The tensor of an npy file is named
 * "array". FL_ERR_INPUT names file, tensor and byte.
 * Tensors are in the order of their data. */
fl_status fl_weights_open(const char *path, fl_weights **out);
void fl_weights_close(fl_weights *w);
void fl_weights_call(fl_weights *w, const char *path); /* in messages; copies */
const char *fl_weights_format(const fl_weights *w);
const char *fl_weights_path(const fl_weights *w);
int fl_weights_count(const fl_weights *w);
const fl_tensor_info *fl_weights_at(const fl_weights *w, int i);
const fl_tensor_info *fl_weights_find(const fl_weights *w, const char *name); /* NULL if absent */
const char *fl_weights_metadata(const fl_weights *w, const char *key);        /* NULL if absent */
int fl_weights_metadata_count(const fl_weights *w);
void fl_weights_metadata_at(const fl_weights *w, int i, const char **key, const char **value);
uint64_t fl_weights_hash(const fl_weights *w); /* of all tensors' names, shapes, dtypes and bytes,
                                                  in whatever order they lie */

/* Converts a floating tensor (F32, F16, BF16, F64) to dst[count]. Other dtypes: FL_ERR_INPUT. */
fl_status fl_tensor_read_float(const fl_weights *w, const fl_tensor_info *t, float *dst);
/* Converts an integer tensor to dst[count]. Floating dtypes: FL_ERR_INPUT. */
fl_status fl_tensor_read_int(const fl_weights *w, const fl_tensor_info *t, int64_t *dst);

/* Writes safetensors (path ends in .safetensors) or npy (one tensor), durable (fsync). `info.data`
 * points to memory; `bytes` and `count` follow from the shape. meta: n_meta pairs key, value (npy
 * has no place for them); safetensors also get {"format": "pt"} unless given. path keeps what it
 * held until the new file is complete, so the tensors may be mapped from it. FL_ERR_CONFIG: another
 * ending; FL_ERR_INPUT: content that the format cannot hold; FL_ERR_IO: the disk. */
fl_status fl_weights_write(const char *path, int n, const fl_tensor_info *tensors, int n_meta,
                           const char *const (*meta)[2]);
/* The same; the bytes of tensor i are those that source(context, i) returns when their turn comes,
 * in order, valid until the next call: so that not all need be in memory at once. */
typedef const void *fl_tensor_source(void *context, int i);
fl_status fl_weights_write_from(const char *path, int n, const fl_tensor_info *tensors,
                                fl_tensor_source *source, void *context, int n_meta,
                                const char *const (*meta)[2]);

#endif
