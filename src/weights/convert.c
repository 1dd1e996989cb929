/* Elements of a file as float or int64. The data may lie at any address, hence the memcpy loads. */
#include <string.h>

#include "frostline/half.h"
#include "weights/format.h"

/* Functions name(src, n, dst), which convert n elements of a type one by one. */
#define CONVERSION(name, type, result, value)                                                      \
    static void name(const char *src, size_t n, result *dst) {                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            type v;                                                                                \
            memcpy(&v, src + i * sizeof v, sizeof v);                                              \
            dst[i] = (value);                                                                      \
        }                                                                                          \
    }

CONVERSION(from_f32, float, float, v)
CONVERSION(from_f16, uint16_t, float, fl_from_float16(v))
CONVERSION(from_bf16, uint16_t, float, fl_from_bfloat16(v))
CONVERSION(from_f64, double, float, (float)v)
CONVERSION(from_i64, int64_t, int64_t, v)
CONVERSION(from_i32, int32_t, int64_t, v)
CONVERSION(from_i16, int16_t, int64_t, v)
CONVERSION(from_i8, int8_t, int64_t, v)
CONVERSION(from_u64, uint64_t, int64_t, (int64_t)v)
CONVERSION(from_u32, uint32_t, int64_t, v)
CONVERSION(from_u16, uint16_t, int64_t, v)
CONVERSION(from_u8, uint8_t, int64_t, v)
CONVERSION(from_bool, uint8_t, int64_t, v != 0)

typedef void float_conversion(const char *src, size_t n, float *dst);
typedef void int_conversion(const char *src, size_t n, int64_t *dst);

static float_conversion *const float_conversions[] = {
    [FL_F32] = from_f32, [FL_F16] = from_f16, [FL_BF16] = from_bf16,
    [FL_F64] = from_f64, [FL_BOOL8] = NULL,
};

static int_conversion *const int_conversions[] = {
    [FL_I64] = from_i64, [FL_I32] = from_i32, [FL_I16] = from_i16,
    [FL_I8] = from_i8,   [FL_U64] = from_u64, [FL_U32] = from_u32,
    [FL_U16] = from_u16, [FL_U8] = from_u8,   [FL_BOOL8] = from_bool,
};

fl_status fl_tensor_read_float(const fl_weights *w, const fl_tensor_info *t, float *dst) {
    float_conversion *convert = float_conversions[t->dtype];
    if (!convert)
        return fl_weights_refuse(w, t->name, "its dtype is %s; expected F32, F16, BF16 or F64",
                                 fl_dtype_name(t->dtype));
    convert(t->data, t->count, dst);
    return FL_OK;
}

fl_status fl_tensor_read_int(const fl_weights *w, const fl_tensor_info *t, int64_t *dst) {
    int_conversion *convert = int_conversions[t->dtype];
    if (!convert)
        return fl_weights_refuse(w, t->name, "its dtype is %s; expected integers",
                                 fl_dtype_name(t->dtype));
    convert(t->data, t->count, dst);
    for (size_t i = 0; t->dtype == FL_U64 && i < t->count; i++)
        if (dst[i] < 0)
            return fl_weights_refuse(w, t->name, "element %zu is %llu; expected at most 2^63 - 1",
                                     i, (unsigned long long)dst[i]);
    return FL_OK;
}
