/* Status and message of an error, kept per thread; ending the program. */
#include <pthread.h>
#include <stdlib.h>

#include "frostline/base.h"

static pthread_key_t
    message_key; /* a key, not a thread-local: a thread that ends frees its message */
static pthread_once_t message_once = PTHREAD_ONCE_INIT;
static void (*die_hook)(int code);

static void make_key(void) {
    FL_CHECK(pthread_key_create(&message_key, free) == 0, "no thread-specific data left");
}

static void set_message(char *text) {
    pthread_once(&message_once, make_key);
    free(pthread_getspecific(message_key));
    pthread_setspecific(message_key, text);
}

fl_status fl_fail(fl_status kind, const char *format, ...) {
    fl_text t = {0};
    va_list args;
    va_start(args, format);
    fl_text_add(&t, "error: ");
    fl_text_addv(&t, format, args);
    va_end(args);
    set_message(t.s);
    return kind;
}

fl_status fl_fail_text(fl_status kind, const char *text) {
    set_message(fl_strdup(text));
    return kind;
}

const char *fl_message(void) {
    pthread_once(&message_once, make_key);
    const char *text = pthread_getspecific(message_key);
    return text ? text : "";
}

void fl_set_die_hook(void (*hook)(int code)) {
    die_hook = hook;
}

void fl_die(int code, const char *text) {
    fflush(stdout);
    fprintf(stderr, "%s\n", text);
    fflush(stderr);
    if (die_hook) die_hook(code);
    exit(code);
}

void fl_panic(const char *file, int line, const char *format, ...) {
    fl_text t = {0};
    va_list args;
    va_start(args, format);
    fl_text_add(&t, "%s:%d: internal error: ", file, line);
    fl_text_addv(&t, format, args);
    va_end(args);
    fl_die(FL_ERR_INTERNAL, t.s);
}
