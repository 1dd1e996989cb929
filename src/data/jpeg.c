/* JPEG by libjpeg, decoded as PIL does it: full size, accurate integer DCT, smooth chroma. */
#include "data/image.h"

#include <setjmp.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

typedef struct decoder {
    struct jpeg_error_mgr errors; /* first: libjpeg hands back a pointer to it */
    struct jpeg_decompress_struct c;
    jmp_buf out;
    char reason[JMSG_LENGTH_MAX];
    const char *path;
    size_t len;
    fl_image *image;
    fl_buffer row; /* of a CMYK image */
    fl_status status;
} decoder;

static decoder *of(j_common_ptr c) {
    return (decoder *)c->err;
}

static void fail(j_common_ptr c) {
    decoder *d = of(c);
    c->err->format_message(c, d->reason);
    longjmp(d->out, 1);
}

/* libjpeg goes on after these with invented pixels. Other warnings lose nothing. */
static bool loses_pixels(int warning) {
    return warning == JWRN_JPEG_EOF || warning == JWRN_HIT_MARKER ||
           warning == JWRN_HUFF_BAD_CODE || warning == JWRN_MUST_RESYNC ||
           warning == JWRN_ARITH_BAD_CODE || warning == JWRN_BOGUS_PROGRESSION ||
           warning == JWRN_NOT_SEQUENTIAL;
}

static void hear(j_common_ptr c, int level) {
    if (level < 0 && loses_pixels(c->err->msg_code)) fail(c);
}

static void keep_quiet(j_common_ptr c) {
    (void)c;
}

/* a · b / 255, rounded. */
static unsigned scaled(unsigned a, unsigned b) {
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* Files hold CMYK inverted, as Adobe does: 255 is no ink. */
static void rgb_of_cmyk(const uint8_t *cmyk, int w, uint8_t *rgb) {
    for (int x = 0; x < w; x++, cmyk += 4, rgb += 3)
        for (int i = 0; i < 3; i++) rgb[i] = (uint8_t)(cmyk[3] - scaled(255u - cmyk[i], cmyk[3]));
}

static void choose_colors(struct jpeg_decompress_struct *c) {
    bool four = c->jpeg_color_space == JCS_CMYK || c->jpeg_color_space == JCS_YCCK;
    if (four)
        c->out_color_space = JCS_CMYK;
    else if (c->jpeg_color_space != JCS_GRAYSCALE)
        c->out_color_space = JCS_RGB;
}

/* An 8 × 8 block takes at least one bit with Huffman codes; arithmetic ones may take less. */
static size_t pixels_per_byte(const struct jpeg_decompress_struct *c) {
    size_t subsampled = (size_t)c->max_h_samp_factor * (size_t)c->max_v_samp_factor;
    return c->arith_code ? FL_IMAGE_MAX_PIXELS : 8 * 64 * subsampled;
}

static void read_rows(decoder *d, uint8_t *pixels) {
    struct jpeg_decompress_struct *c = &d->c;
    bool four = c->output_components == 4;
    size_t stride = c->output_width * (size_t)d->image->c;
    JSAMPROW row = four ? fl_buffer_need(&d->row, c->output_width * 4) : NULL;
    while (c->output_scanline < c->output_height) {
        uint8_t *to = pixels + c->output_scanline * stride;
        if (!four) row = to;
        jpeg_read_scanlines(c, &row, 1);
        if (four) rgb_of_cmyk(row, (int)c->output_width, to);
    }
}

static void run(decoder *d, const uint8_t *data) {
    struct jpeg_decompress_struct *c = &d->c;
    jpeg_create_decompress(c);
    jpeg_mem_src(c, data, d->len);
    jpeg_read_header(c, TRUE);
    choose_colors(c);
    c->dct_method = JDCT_ISLOW;
    d->status =
        fl_image_reserve(d->image, d->path, c->image_width, c->image_height,
                         c->out_color_space == JCS_GRAYSCALE ? 1 : 3, d->len, pixels_per_byte(c));
    if (d->status != FL_OK) return;
    jpeg_start_decompress(c);
    read_rows(d, d->image->memory.p);
    jpeg_finish_decompress(c);
}

/* libjpeg leaves by longjmp: all that lives over it is in *d. */
static void guard(decoder *d, const uint8_t *data) {
    if (setjmp(d->out) == 0)
        run(d, data);
    else
        d->status = fl_fail(FL_ERR_INPUT, "'%s' is a damaged JPEG image: %s", d->path, d->reason);
}

fl_status fl_jpeg_decode(const char *path, const uint8_t *data, size_t len, fl_image *image) {
    decoder d = {.path = path, .len = len, .image = image};
    d.c.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = fail;
    d.errors.emit_message = hear;
    d.errors.output_message = keep_quiet;
    guard(&d, data);
    jpeg_destroy_decompress(&d.c);
    fl_free(d.row.p);
    return d.status;
}
