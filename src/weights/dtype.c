/* Names and sizes of the element types, and of tensors. */
#include <string.h>

#include "weights/format.h"

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [FL_F32] = {"F32", 4},    [FL_F16] = {"F16", 2}, [FL_BF16] = {"BF16", 2}, [FL_F64] = {"F64", 8},
    [FL_I64] = {"I64", 8},    [FL_I32] = {"I32", 4}, [FL_I16] = {"I16", 2},   [FL_I8] = {"I8", 1},
    [FL_U64] = {"U64", 8},    [FL_U32] = {"U32", 4}, [FL_U16] = {"U16", 2},   [FL_U8] = {"U8", 1},
    [FL_BOOL8] = {"BOOL", 1},
};

const char *fl_dtype_name(fl_dtype t) {
    FL_CHECK((size_t)t < FL_COUNT(types), "no dtype %d", (int)t);
    return types[t].name;
}

size_t fl_dtype_size(fl_dtype t) {
    FL_CHECK((size_t)t < FL_COUNT(types), "no dtype %d", (int)t);
    return types[t].size;
}

bool fl_dtype_is_floating(fl_dtype t) {
    return t == FL_F32 || t == FL_F16 || t == FL_BF16 || t == FL_F64;
}

bool fl_dtype_parse(const char *name, fl_dtype *t) {
    for (size_t i = 0; i < FL_COUNT(types); i++) {
        if (strcmp(types[i].name, name) != 0) continue;
        *t = (fl_dtype)i;
        return true;
    }
    return false;
}

const char *fl_dtype_names(void) {
    return "F32, F16, BF16, F64, I64, I32, I16, I8, U64, U32, U16, U8, BOOL";
}

/* Zeros are left out of the product, so that an absurd size is refused in whatever order it comes.
 */
bool fl_tensor_measure(fl_tensor_info *t) {
    int64_t size = (int64_t)fl_dtype_size(t->dtype), product = size;
    bool empty = false;
    for (int i = 0; i < t->n; i++) {
        if (t->d[i] < 0) return false;
        if (t->d[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, t->d[i], &product))
            return false;
    }
    t->bytes = empty ? 0 : (size_t)product;
    t->count = t->bytes / (size_t)size;
    return true;
}
