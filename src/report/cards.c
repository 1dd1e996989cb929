/* cards.c: the numbers at the head of report.html. */
#include <math.h>

#include "page.h"
#include "text.h"

static void card(fl_text *out, const char *what, const char *value, const char *detail) {
    fl_text_add(out, "<div><dt>");
    fl_text_escape(out, what);
    fl_text_add(out, "</dt><dd class=\"value\">");
    fl_text_escape(out, value);
    fl_text_add(out, "</dd><dd class=\"detail\">");
    fl_text_escape(out, detail);
    fl_text_add(out, "</dd></div>\n");
}

static const char *four_digits(double v, char *buf) {
    snprintf(buf, 32, isfinite(v) ? "%.4f" : "–", v);
    return buf;
}

/* Accuracy where there is one, of the validation where there is one. */
static void accuracy_card(fl_text *out, const fl_history *h, const fl_epoch_record *last) {
    bool validated = !isnan(last->val_accuracy);
    double final = validated ? last->val_accuracy : last->accuracy;
    if (isnan(final)) return;
    const fl_epoch_record *best = &h->epoch[fl_history_best(h)];
    char value[32], highest[32], detail[64];
    four_digits(final, value);
    snprintf(detail, sizeof detail, "best epoch: %lld, with %s", (long long)best->epoch,
             four_digits(validated ? best->val_accuracy : best->accuracy, highest));
    card(out, validated ? "Validation accuracy" : "Training accuracy", value, detail);
}

static void loss_card(fl_text *out, const fl_epoch_record *last) {
    char value[32], training[32], detail[64];
    bool validated = !isnan(last->val_loss);
    snprintf(detail, sizeof detail, "training: %s", four_digits(last->loss, training));
    card(out, validated ? "Validation loss" : "Training loss",
         four_digits(validated ? last->val_loss : last->loss, value),
         validated ? detail : "in the last epoch");
}

static void time_cards(fl_text *out, const fl_history *h, const fl_epoch_record *last) {
    double seconds = 0, samples = 0;
    for (int i = 0; i < h->n_epochs; i++) {
        const fl_epoch_record *e = &h->epoch[i];
        if (isfinite(e->seconds)) seconds += e->seconds;
        if (isfinite(e->seconds * e->samples_per_second))
            samples += e->seconds * e->samples_per_second;
    }
    char value[40], detail[80];
    snprintf(detail, sizeof detail, "%d epoch%s, %lld steps", h->n_epochs,
             h->n_epochs == 1 ? "" : "s", (long long)last->step);
    card(out, "Time", fl_human_seconds(seconds, value), detail);
    card(out, "Samples per second", fl_text_thousands(seconds > 0 ? samples / seconds : NAN, value),
         "mean over all epochs");
}

static void reduced_card(fl_text *out, const fl_history *h) {
    double payload = 0, unfrozen = 0;
    for (int i = 0; i < h->n_epochs; i++) {
        payload += (double)h->epoch[i].payload_bytes;
        unfrozen += (double)h->epoch[i].unfrozen_payload_bytes;
    }
    if (unfrozen <= 0) return;
    char value[32], whole[32], ratio[40], detail[160];
    int n = snprintf(detail, sizeof detail, "of %s with nothing frozen",
                     fl_human_bytes(unfrozen, whole));
    if (payload > 0 && unfrozen / payload >= 100)
        fl_text_thousands(unfrozen / payload, ratio);
    else
        snprintf(ratio, sizeof ratio, "%.3g", unfrozen / payload);
    if (payload > 0 && unfrozen > payload)
        snprintf(detail + n, sizeof detail - (size_t)n, ": %s times less", ratio);
    card(out, "Gradients reduced", fl_human_bytes(payload, value), detail);
}

static void size_cards(fl_text *out, const fl_history *h, const fl_epoch_record *last) {
    uint64_t memory = 0;
    char value[32], planned[32], detail[96];
    for (int i = 0; i < h->n_epochs; i++)
        if (h->epoch[i].memory_bytes > memory) memory = h->epoch[i].memory_bytes;
    if (memory) card(out, "Peak memory", fl_human_bytes((double)memory, value), "resident, rank 0");
    if (last->node_memory_bytes) {
        snprintf(detail, sizeof detail, "all ranks, shared pages once; %s planned",
                 fl_human_bytes((double)last->planned_node_memory_bytes, planned));
        card(out, "Memory of a node", fl_human_bytes((double)last->node_memory_bytes, value),
             detail);
    }
    if (last->trainable)
        card(out, "Parameters that learn", fl_human_count((double)last->trainable, value),
             last->phase > 0 ? "in the last epoch" : "in every epoch");
}

void fl_page_figures(fl_text *out, const fl_history *h) {
    if (!h->n_epochs) {
        fl_text_add(out, "<p class=\"quiet\">No epoch was finished; nothing was measured.</p>\n");
        return;
    }
    const fl_epoch_record *last = &h->epoch[h->n_epochs - 1];
    fl_text_add(out, "<dl class=\"cards\">\n");
    accuracy_card(out, h, last);
    loss_card(out, last);
    time_cards(out, h, last);
    reduced_card(out, h);
    size_cards(out, h, last);
    fl_text_add(out, "</dl>\n");
}
