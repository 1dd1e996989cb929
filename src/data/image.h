/* image.h: 8-bit images in memory: decoding, channels, resizing. */
#ifndef FROSTLINE_DATA_IMAGE_H
#define FROSTLINE_DATA_IMAGE_H

#include "frostline/base.h"

typedef struct fl_buffer { /* memory that only grows; start from {0}; fl_free(b.p) */
    void *p;
    size_t cap;
} fl_buffer;

/* At least `bytes` of memory; what it held before is lost. */
void *fl_buffer_need(fl_buffer *b, size_t bytes);

typedef struct fl_image {  /* one row as its format delivers it */
    int h, w, c;           /* of pixels */
    const uint8_t *pixels; /* (h, w, c); NULL if the row is floats */
    const void *values;    /* float32 in the set's shape, at any address; NULL if it is pixels */
    fl_buffer memory;      /* a reader's own, for pixels or values that lie nowhere else */
} fl_image;

typedef struct fl_view { /* a rectangle of an image */
    const uint8_t *p;
    int h, w, c;
    size_t stride; /* bytes from row to row */
} fl_view;

enum { FL_IMAGE_MAX_SIDE = 65500 };
#define FL_IMAGE_MAX_PIXELS ((size_t)256 << 20)

/* Reads a JPEG or PNG file, told apart by content, into image->memory as grey (c = 1) or RGB (c =
 * 3). Alpha is dropped, 16 bits become 8, palettes and CMYK become RGB, the EXIF orientation is not
 * looked at: what torchvision does. A damaged file is FL_ERR_INPUT with path and reason.
 * Thread-safe. */
fl_status fl_image_read(const char *path, fl_image *image);

fl_status fl_jpeg_decode(const char *path, const uint8_t *data, size_t len, fl_image *image);
fl_status fl_png_decode(const char *path, const uint8_t *data, size_t len, fl_image *image);

/* Memory for (h, w, c) pixels, after a check that the file's `len` bytes can hold so many: no
 * coding of the format puts more than `per_byte` pixels into a byte, so a small damaged file cannot
 * ask for gigabytes. */
fl_status fl_image_reserve(fl_image *image, const char *path, size_t w, size_t h, int c, size_t len,
                           size_t per_byte);

/* dst (h, w, to) of src: grey to RGB by repetition, RGB to grey by the luma of ITU-R 601. */
void fl_image_convert(const fl_view *src, int to, uint8_t *dst);

typedef struct fl_window { /* of an image resized to (full_h, full_w), the part that is wanted */
    int full_h, full_w, top, left, h, w;
} fl_window;

typedef struct fl_resizer { /* scratch of fl_image_resize */
    fl_buffer across, down, rows, sums;
} fl_resizer;

/* dst (o.h, o.w, c): bilinear with antialiasing, bit for bit as PIL and torchvision resize 8-bit
 * images. */
void fl_image_resize(fl_resizer *r, const fl_view *src, fl_window o, uint8_t *dst);
void fl_resizer_close(fl_resizer *r);

#endif
