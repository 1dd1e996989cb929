/* What joins the nodes: by a well-known name, or as it was measured. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "frostline/cost.h"

/* Packets of 1500 bytes carry 1448 of payload and take the time of 1538 (RFC 894, RFC 7323). */
#define NOMINAL(bits) ((bits) / 8 * 1448 / 1538)

static const fl_network known[] = {
    {.name = "1gbit", .latency = 25e-6, .bytes_per_second = NOMINAL(1e9)},
    {.name = "25gbit", .latency = 10e-6, .bytes_per_second = NOMINAL(25e9)},
};

static bool take(const json_t *o, const char *key, double least, double *out) {
    const json_t *v = json_object_get(o, key);
    *out = json_number_value(v);
    return json_is_number(v) && *out >= least;
}

static fl_status parse(const json_t *o, const char *path, fl_network *out) {
    bool sound = take(o, "latency_seconds", 0, &out->latency) &&
                 take(o, "bytes_per_second", 1, &out->bytes_per_second) &&
                 (!json_object_get(o, "slowdown_seconds_per_byte") ||
                  take(o, "slowdown_seconds_per_byte", 0, &out->slowdown));
    out->nodes = (int)json_integer_value(json_object_get(o, "nodes"));
    if (sound) return FL_OK;
    return fl_fail(FL_ERR_INPUT,
                   "'%s' does not describe a network: it wants the numbers latency_seconds and "
                   "bytes_per_second; 'frostline bench network --json' under mpirun prints them",
                   path);
}

static fl_status read_file(const char *path, fl_network *out) {
    json_error_t error;
    json_t *o = json_load_file(path, 0, &error);
    const char *base = strrchr(path, '/');
    if (!o)
        return fl_fail(FL_ERR_INPUT, "'%s' is no JSON: line %d: %s", path, error.line, error.text);
    snprintf(out->name, sizeof out->name, "%s", base ? base + 1 : path);
    fl_status status = parse(o, path, out);
    json_decref(o);
    return status;
}

fl_status fl_network_open(const char *what, bool or_measured, fl_network *out) {
    *out = (fl_network){0};
    for (size_t i = 0; i < FL_COUNT(known); i++)
        if (strcmp(what, known[i].name) == 0) {
            *out = known[i];
            return FL_OK;
        }
    if (fl_exists(what)) return read_file(what, out);
    return fl_fail(FL_ERR_CONFIG,
                   "there is no network '%s'; give 1gbit, 25gbit, %sor a file that "
                   "'frostline bench network --json' printed",
                   what, or_measured ? "measured, " : "");
}
