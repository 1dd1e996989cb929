/* console_text.c: the bar, the plain line and the epoch's line as text. Nothing here allocates: a
 * step may not. */
#include "console.h"

#include <math.h>
#include <string.h>

#include "text.h"

enum { BAR_MOST = 30, BAR_LEAST = 5 };

/* "[=====>    ] ", `inner` columns between the brackets, or nothing where there is no room. */
static void add_bar(fl_clip *l, double done, int inner) {
    if (inner < BAR_LEAST) return;
    if (inner > BAR_MOST) inner = BAR_MOST;
    int full = (int)(fmin(fmax(done, 0), 1) * inner);
    char bar[BAR_MOST + 1];
    for (int i = 0; i < inner; i++) bar[i] = i < full ? '=' : i == full ? '>' : ' ';
    bar[inner] = '\0';
    fl_clip_add(l, "[%s] ", bar);
}

/* What is left of the epoch, in whole seconds while they are few. */
static const char *eta(const fl_step_record *s, double step_seconds, char *buf) {
    double left = (double)(s->steps_per_epoch - s->step_of_epoch) * step_seconds;
    if (left >= 59.5) return fl_human_seconds(left, buf);
    snprintf(buf, 32, "%.0f s", fmax(left, 0));
    return buf;
}

void fl_console_bar_text(const fl_step_record *s, double step_seconds, int width, char *buf,
                         size_t size) {
    char speed[32], left[32], room[128];
    fl_clip tail = {room, sizeof room, 0};
    fl_clip_add(&tail, "%lld/%lld loss %.3f lr %.1e %s/step ETA %s", (long long)s->step_of_epoch,
                (long long)s->steps_per_epoch, s->loss, s->learning_rate,
                fl_human_seconds(step_seconds, speed), eta(s, step_seconds, left));
    fl_clip l = {buf, size, 0};
    fl_clip_add(&l, "Epoch %lld/%lld ", (long long)s->epoch, (long long)s->epochs);
    int free_columns = width - 1 - (int)(fl_text_columns(buf) + fl_text_columns(room));
    double done =
        s->steps_per_epoch > 0 ? (double)s->step_of_epoch / (double)s->steps_per_epoch : 1;
    add_bar(&l, done, free_columns - (int)strlen("[] "));
    fl_clip_add(&l, "%s", room);
    buf[fl_text_prefix(buf, width > 1 ? (size_t)width - 1 : 0)] = '\0';
}

void fl_console_plain_text(const fl_step_record *s, double step_seconds, char *buf, size_t size) {
    char speed[32];
    fl_clip l = {buf, size, 0};
    fl_clip_add(&l, "epoch %lld/%lld step %lld/%lld loss %.4f lr %.1e %s/step", (long long)s->epoch,
                (long long)s->epochs, (long long)s->step_of_epoch, (long long)s->steps_per_epoch,
                s->loss, s->learning_rate, fl_human_seconds(step_seconds, speed));
}

static int digits(int64_t n) {
    int count = 1;
    for (; n >= 10; n /= 10) count++;
    return count;
}

static void add_metric(fl_clip *l, const char *name, double v) {
    if (!isnan(v)) fl_clip_add(l, "  %s %.4f", name, v);
}

/* "  reduced 3.6 MB of 7.8 GB (0.046 %)" */
static void add_reduced(fl_clip *l, const fl_epoch_record *e) {
    if (!e->unfrozen_payload_bytes) return;
    char payload[32], unfrozen[32], share[32];
    double part = (double)e->payload_bytes / (double)e->unfrozen_payload_bytes;
    fl_clip_add(l, "  reduced %s of %s (%s)", fl_human_bytes((double)e->payload_bytes, payload),
                fl_human_bytes((double)e->unfrozen_payload_bytes, unfrozen),
                fl_text_percent(part, share));
}

void fl_console_epoch_text(const fl_epoch_record *e, bool thawed, char *buf, size_t size) {
    char seconds[32], rate[32], learn[32];
    fl_clip l = {buf, size, 0};
    fl_clip_add(&l, "epoch %*lld/%lld  loss %.4f", digits(e->epochs), (long long)e->epoch,
                (long long)e->epochs, e->loss);
    add_metric(&l, "accuracy", e->accuracy);
    add_metric(&l, "val_loss", e->val_loss);
    add_metric(&l, "val_accuracy", e->val_accuracy);
    add_metric(&l, "val_top5_accuracy", e->val_top5);
    fl_clip_add(&l, "  %8s  %6s samples/s", fl_human_seconds(e->seconds, seconds),
                fl_text_grouped(e->samples_per_second, " ", rate));
    add_reduced(&l, e);
    if (e->features_kept > 0) fl_clip_add(&l, "  %.0f %% of static kept", 100 * e->features_kept);
    if (thawed)
        fl_clip_add(&l, "  ~ thawed: %s parameters learn",
                    fl_human_count((double)e->trainable, learn));
    if (e->best) fl_clip_add(&l, "  * best");
}
