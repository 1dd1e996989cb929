/* PNG by libpng, reduced to 8-bit grey or RGB. */
#include "data/image.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>

typedef struct decoder {
    png_structp png;
    png_infop info;
    jmp_buf out;
    char reason[160];
    const char *path;
    const uint8_t *data;
    size_t len, at;
    fl_image *image;
    fl_status status;
} decoder;

static void fail(png_structp png, png_const_charp why) {
    decoder *d = png_get_error_ptr(png);
    snprintf(d->reason, sizeof d->reason, "%s", why);
    longjmp(d->out, 1);
}

static void keep_quiet(png_structp png, png_const_charp why) {
    (void)png;
    (void)why;
}

static void feed(png_structp png, png_bytep to, size_t n) {
    decoder *d = png_get_io_ptr(png);
    if (n > d->len - d->at) png_error(png, "the file ends early");
    memcpy(to, d->data + d->at, n);
    d->at += n;
}

static void choose_pixels(png_structp png) {
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_palette_to_rgb(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
}

/* An interlaced image comes in several passes, each of which fills in the rows further. */
static void read_rows(decoder *d, uint8_t *pixels, int passes) {
    size_t stride = (size_t)d->image->w * (size_t)d->image->c;
    while (passes-- > 0)
        for (int y = 0; y < d->image->h; y++)
            png_read_row(d->png, pixels + (size_t)y * stride, NULL);
}

/* Deflate makes at most 1032 bytes of one; a byte has at most 8 pixels. */
static fl_status reserve(decoder *d) {
    bool grey = !(png_get_color_type(d->png, d->info) & PNG_COLOR_MASK_COLOR);
    size_t per_byte = 1032 * 8 / (size_t)png_get_bit_depth(d->png, d->info);
    return fl_image_reserve(d->image, d->path, png_get_image_width(d->png, d->info),
                            png_get_image_height(d->png, d->info), grey ? 1 : 3, d->len, per_byte);
}

static void run(decoder *d) {
    d->info = png_create_info_struct(d->png);
    if (!d->info) png_error(d->png, "no memory");
    png_set_read_fn(d->png, d, feed);
    png_set_user_limits(d->png, FL_IMAGE_MAX_SIDE, FL_IMAGE_MAX_SIDE);
    png_read_info(d->png, d->info);
    d->status = reserve(d);
    if (d->status != FL_OK) return;
    choose_pixels(d->png);
    int passes = png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    FL_CHECK(png_get_rowbytes(d->png, d->info) == (size_t)d->image->w * (size_t)d->image->c,
             "'%s': unexpected row size", d->path);
    read_rows(d, d->image->memory.p, passes);
    png_read_end(d->png, NULL);
}

/* libpng leaves by longjmp: all that lives over it is in *d. */
static void guard(decoder *d) {
    if (setjmp(d->out) == 0)
        run(d);
    else
        d->status = fl_fail(FL_ERR_INPUT, "'%s' is a damaged PNG image: %s", d->path, d->reason);
}

fl_status fl_png_decode(const char *path, const uint8_t *data, size_t len, fl_image *image) {
    decoder d = {.path = path, .data = data, .len = len, .image = image};
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, fail, keep_quiet);
    if (!d.png) return fl_fail(FL_ERR_IO, "'%s': libpng could not be set up", path);
    guard(&d);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    return d.status;
}
