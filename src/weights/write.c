/* Writing files of weights: checked first, written beside the place, then renamed onto it. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weights/format.h"

enum { BUFFER = 1 << 20 };

void fl_sink_put(fl_sink *s, const void *bytes, size_t n) {
    if (!s->error && n > 0 && fwrite(bytes, 1, n, s->file) != n) s->error = errno ? errno : EIO;
}

void fl_sink_put_tensor(fl_sink *s, const fl_weights_content *c, int i) {
    fl_sink_put(s, c->source(c->context, i), c->tensors[i].bytes);
}

static fl_status cannot(const char *path, int reason) {
    return fl_fail(FL_ERR_IO, "cannot write '%s': %s", path, strerror(reason));
}

/* Flushes, syncs and closes; the first error of the whole write counts. */
static fl_status finish(fl_sink *s, const char *path) {
    if (!s->error && (fflush(s->file) != 0 || fsync(fileno(s->file)) != 0)) s->error = errno;
    if (fclose(s->file) != 0 && !s->error) s->error = errno;
    return s->error ? cannot(path, s->error) : FL_OK;
}

static fl_status write_to(const char *path, const fl_weights_ops *format,
                          const fl_weights_content *content) {
    fl_sink sink = {.file = fopen(path, "wbxe")};
    if (!sink.file) return fl_fail(FL_ERR_IO, "cannot create '%s': %s", path, strerror(errno));
    setvbuf(sink.file, NULL, _IOFBF, BUFFER);
    fl_status status = format->write(&sink, content);
    if (status != FL_OK) {
        fclose(sink.file);
        return status;
    }
    return finish(&sink, path);
}

static fl_status move_into_place(const char *from, const char *to) {
    if (rename(from, to) != 0) return cannot(to, errno);
    char *copy = fl_strdup(to);
    fl_status status = fl_sync_dir(dirname(copy));
    fl_free(copy);
    return status;
}

static fl_status write_and_rename(const char *path, const fl_weights_ops *format,
                                  const fl_weights_content *content) {
    char *temporary = fl_format("%s.%d.tmp", path, (int)getpid());
    unlink(temporary); /* of a process that had this number and was killed */
    fl_status status = write_to(temporary, format, content);
    if (status == FL_OK) status = move_into_place(temporary, path);
    if (status != FL_OK) unlink(temporary);
    fl_free(temporary);
    return status;
}

/* Not straight onto the path: it may be the very file that the tensors are mapped from. Where it is
 * a link, what that leads to is replaced. */
static fl_status replace(const fl_weights_ops *format, const fl_weights_content *content) {
    char end[PATH_MAX];
    const char *path = realpath(content->path, end) ? end : content->path;
    return write_and_rename(path, format, content);
}

static fl_status complete(const char *path, fl_tensor_info *t) {
    if (!t->name || !t->name[0])
        return fl_fail(FL_ERR_INPUT, "%s: a tensor without a name cannot be written", path);
    if (t->n < 0 || t->n > FL_MAX_DIMS)
        return fl_fail(FL_ERR_INPUT, "%s: tensor '%s': %d dimensions; expected 0 to %d", path,
                       t->name, t->n, FL_MAX_DIMS);
    if (!fl_tensor_measure(t))
        return fl_fail(FL_ERR_INPUT, "%s: tensor '%s': its shape is negative or too large", path,
                       t->name);
    return FL_OK;
}

static fl_status complete_and_write(const fl_weights_ops *format, fl_tensor_info *tensors,
                                    const fl_weights_content *content) {
    for (int i = 0; i < content->n; i++) FL_TRY(complete(content->path, &tensors[i]));
    return replace(format, content);
}

fl_status fl_weights_write_from(const char *path, int n, const fl_tensor_info *tensors,
                                fl_tensor_source *source, void *context, int n_meta,
                                const char *const (*meta)[2]) {
    const fl_weights_ops *format = fl_weights_format_by_ending(path);
    if (!format)
        return fl_fail(FL_ERR_CONFIG,
                       "cannot tell the format of '%s': end its name in .safetensors or .npy",
                       path);
    fl_tensor_info *copy = fl_alloc((size_t)n * sizeof *copy);
    if (n > 0) memcpy(copy, tensors, (size_t)n * sizeof *copy);
    fl_weights_content content = {path, n, n_meta, copy, meta, source, context};
    fl_status status = complete_and_write(format, copy, &content);
    fl_free(copy);
    return status;
}

static const void *data_of(void *context, int i) {
    const fl_tensor_info *tensors = context;
    return tensors[i].data;
}

fl_status fl_weights_write(const char *path, int n, const fl_tensor_info *tensors, int n_meta,
                           const char *const (*meta)[2]) {
    return fl_weights_write_from(path, n, tensors, data_of, (void *)tensors, n_meta, meta);
}
