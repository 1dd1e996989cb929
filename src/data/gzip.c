/* Whole files, plain or gzip-compressed, told apart by content. */
#include "data/dataset.h"

#include <zlib.h>

static fl_status damaged(const char *path, const char *why) {
    return fl_fail(FL_ERR_INPUT, "'%s' is a damaged gzip file: %s", path, why);
}

/* One call of inflate; at the end of a member the next one begins, if there is one. */
static fl_status advance(z_stream *z, const char *path, bool *done) {
    int code = inflate(z, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
        *done = z->avail_in == 0;
        return *done || inflateReset(z) == Z_OK ? FL_OK : damaged(path, "it cannot be read on");
    }
    if (code == Z_BUF_ERROR) return damaged(path, "it ends early");
    return code == Z_OK ? FL_OK : damaged(path, z->msg ? z->msg : "its data make no sense");
}

static fl_status inflate_all(z_stream *z, const char *path, fl_text *out) {
    uint8_t chunk[65536];
    bool done = false;
    while (!done) {
        z->next_out = chunk;
        z->avail_out = sizeof chunk;
        FL_TRY(advance(z, path, &done));
        fl_text_put(out, (const char *)chunk, sizeof chunk - z->avail_out);
    }
    return FL_OK;
}

static fl_status gunzip(const char *path, const fl_text *in, fl_text *out) {
    if (in->len > UINT32_MAX)
        return fl_fail(FL_ERR_INPUT, "'%s' is over 4 GiB; run gunzip on it", path);
    z_stream z = {.next_in = (Bytef *)in->s, .avail_in = (uInt)in->len};
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return fl_fail(FL_ERR_IO, "zlib could not be set up");
    fl_status status = inflate_all(&z, path, out);
    inflateEnd(&z);
    return status;
}

fl_status fl_data_read_file(const char *path, fl_text *out) {
    fl_text raw = {0};
    FL_TRY(fl_file_read(path, &raw.s, &raw.len));
    *out = raw;
    if (raw.len < 2 || (uint8_t)raw.s[0] != 0x1f || (uint8_t)raw.s[1] != 0x8b) return FL_OK;
    *out = (fl_text){0};
    fl_text_put(out, "", 0);
    fl_status status = gunzip(path, &raw, out);
    fl_free(raw.s);
    if (status == FL_OK) return FL_OK;
    fl_free(out->s);
    *out = (fl_text){0};
    return status;
}
