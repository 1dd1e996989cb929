/* report.c: sends what happens in a run to the console and to the run's files. */
#include "frostline/report.h"

#include <string.h>

#include "console.h"
#include "frostline/log.h"
#include "record.h"

struct fl_report {
    fl_console console;
    fl_record *record; /* NULL: console only */
    int64_t every;
    fl_status
        status; /* of a write during a step, which cannot say so itself; told at the next epoch */
    char message[1024];
};

fl_status fl_report_open(const fl_report_conf *conf, fl_report **out) {
    *out = NULL;
    fl_report *r = fl_alloc(sizeof *r);
    r->every = conf->log_every_n_steps;
    if (conf->dir) {
        fl_status status = fl_record_open(conf->dir, conf->append, conf->resume_step, &r->record);
        if (status != FL_OK) {
            fl_free(r);
            return status;
        }
    }
    fl_console_open(&r->console, conf->progress, conf->log_every_n_steps);
    *out = r;
    return FL_OK;
}

static void remember(fl_report *r, fl_status status) {
    if (status == FL_OK || r->status != FL_OK) return;
    r->status = status;
    snprintf(r->message, sizeof r->message, "%s", fl_message());
}

void fl_report_step(fl_report *r, const fl_step_record *s) {
    fl_console_step(&r->console, s);
    if (r->record && r->every > 0 && s->step % r->every == 0)
        remember(r, fl_record_step(r->record, s));
}

static fl_status tell(fl_report *r) {
    fl_status status = r->status;
    r->status = FL_OK;
    return fl_fail_text(status, r->message);
}

fl_status fl_report_epoch(fl_report *r, const fl_epoch_record *e) {
    fl_console_epoch(&r->console, e);
    if (r->status != FL_OK) return tell(r);
    return r->record ? fl_record_epoch(r->record, e) : FL_OK;
}

void fl_report_event(fl_report *r, const char *json) {
    if (r->record) remember(r, fl_record_event(r->record, json));
}

void fl_report_close(fl_report *r) {
    if (!r) return;
    fl_console_close(&r->console);
    const char *prefix = "error: ";
    size_t skip = strncmp(r->message, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
    if (r->status != FL_OK) fl_warn("%s", r->message + skip); /* no epoch came to tell it */
    fl_record_close(r->record);
    fl_free(r);
}
