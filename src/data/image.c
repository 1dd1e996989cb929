/* Reading an image file by its content; memory; channels. */
#include "data/image.h"

#include <string.h>

void *fl_buffer_need(fl_buffer *b, size_t bytes) {
    if (bytes <= b->cap) return b->p;
    fl_free(b->p);
    b->p = fl_resize(NULL, bytes);
    b->cap = bytes;
    return b->p;
}

static fl_status decode(const char *path, const uint8_t *data, size_t len, fl_image *image) {
    if (len >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0)
        return fl_jpeg_decode(path, data, len, image);
    if (len >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0)
        return fl_png_decode(path, data, len, image);
    if (len == 0) return fl_fail(FL_ERR_INPUT, "'%s' is empty; it should be an image", path);
    return fl_fail(FL_ERR_INPUT, "'%s' is neither a JPEG nor a PNG image, by its first bytes",
                   path);
}

fl_status fl_image_read(const char *path, fl_image *image) {
    char *data;
    size_t len;
    FL_TRY(fl_file_read(path, &data, &len));
    fl_status status = decode(path, (const uint8_t *)data, len, image);
    fl_free(data);
    return status;
}

fl_status fl_image_reserve(fl_image *image, const char *path, size_t w, size_t h, int c, size_t len,
                           size_t per_byte) {
    if (w == 0 || h == 0 || w > FL_IMAGE_MAX_SIDE || h > FL_IMAGE_MAX_SIDE ||
        w * h > FL_IMAGE_MAX_PIXELS)
        return fl_fail(FL_ERR_INPUT,
                       "'%s' is %zu x %zu pixels; at most %d a side and %zu in all are read", path,
                       w, h, FL_IMAGE_MAX_SIDE, FL_IMAGE_MAX_PIXELS);
    if (w * h / per_byte > len)
        return fl_fail(FL_ERR_INPUT, "'%s' is cut off: %zu bytes cannot hold its %zu x %zu pixels",
                       path, len, w, h);
    image->pixels = fl_buffer_need(&image->memory, w * h * (size_t)c);
    image->values = NULL;
    image->h = (int)h;
    image->w = (int)w;
    image->c = c;
    return FL_OK;
}

/* 16-bit fixed point, rounded: the sum of the weights is 2^16. */
static uint8_t luma(const uint8_t *rgb) {
    return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

static void convert_row(const uint8_t *src, int w, int from, int to, uint8_t *dst) {
    if (from == to)
        memcpy(dst, src, (size_t)w * (size_t)to);
    else if (to == 1)
        for (int x = 0; x < w; x++) dst[x] = luma(src + 3 * x);
    else
        for (int x = 0; x < w; x++) memset(dst + 3 * x, src[x], 3);
}

void fl_image_convert(const fl_view *src, int to, uint8_t *dst) {
    FL_ASSERT(src->c == to || src->c * to == 3);
    for (int y = 0; y < src->h; y++)
        convert_row(src->p + (size_t)y * src->stride, src->w, src->c, to,
                    dst + (size_t)y * (size_t)src->w * (size_t)to);
}
