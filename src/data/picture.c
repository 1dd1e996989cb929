/* One raw row of a set as a PNG file, so that a person, or `predict`, can look at it. */
#include <png.h>
#include <string.h>

#include "data/set.h"

static fl_status refuse(const char *path, const char *why) {
    return fl_fail(FL_ERR_IO, "cannot write '%s': %s", path, why);
}

static fl_status write_png(const char *path, const fl_image *image) {
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->w,
                     .height = (png_uint_32)image->h,
                     .format = image->c == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
    png_alloc_size_t size = 0;
    if (!png_image_write_get_memory_size(png, size, 0, image->pixels, 0, NULL))
        return refuse(path, png.message);
    void *bytes = fl_alloc(size);
    fl_status status = png_image_write_to_memory(&png, bytes, &size, 0, image->pixels, 0, NULL)
                           ? fl_file_write(path, bytes, size)
                           : refuse(path, png.message);
    fl_free(bytes);
    return status;
}

fl_status fl_dataset_write_picture(const fl_dataset *d, int64_t row, const char *path) {
    fl_work work = {0};
    fl_status status = fl_dataset_read(d, row, &work);
    if (status == FL_OK && (!work.raw.pixels || (work.raw.c != 1 && work.raw.c != 3)))
        status =
            fl_fail(FL_ERR_CONFIG,
                    "row %lld is no grey or RGB image, but values; 'frostline sample' shows images",
                    (long long)row);
    if (status == FL_OK) status = write_png(path, &work.raw);
    fl_work_close(&work);
    return status;
}

int fl_dataset_label(const fl_dataset *d, int64_t row) {
    return d->label ? d->label[row] : -1;
}
