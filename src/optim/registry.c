/* The lists of optimizers and schedules. */
#include <string.h>

#include "frostline/optim.h"

#define FL_OPTIM(name) extern const fl_optim_ops fl_optim_##name;
#include "optimizers.def"
#undef FL_OPTIM
#define FL_RATE(name) extern const fl_rate_ops fl_rate_##name;
#include "schedules.def"
#undef FL_RATE

static const fl_optim_ops *const optims[] = {
#define FL_OPTIM(name) &fl_optim_##name,
#include "optimizers.def"
#undef FL_OPTIM
    NULL,
};

static const fl_rate_ops *const rates[] = {
#define FL_RATE(name) &fl_rate_##name,
#include "schedules.def"
#undef FL_RATE
    NULL,
};

const fl_optim_ops *const *fl_optims_all(void) {
    return optims;
}

const fl_rate_ops *const *fl_rates_all(void) {
    return rates;
}

const fl_optim_ops *fl_optim_find(const char *name) {
    for (int i = 0; optims[i]; i++)
        if (strcmp(optims[i]->name, name) == 0) return optims[i];
    return NULL;
}

const fl_rate_ops *fl_rate_find(const char *name) {
    for (int i = 0; rates[i]; i++)
        if (strcmp(rates[i]->name, name) == 0) return rates[i];
    return NULL;
}
