/* frostline.h: all of Frostline. Read the headers in this order and they are the tour. */
#ifndef FROSTLINE_FROSTLINE_H
#define FROSTLINE_FROSTLINE_H

/* clang-format off */
#include "frostline/base.h"
#include "frostline/log.h"
#include "frostline/process.h"
#include "frostline/half.h"
#include "frostline/trace.h"
#include "frostline/arena.h"
#include "frostline/rng.h"
#include "frostline/field.h"
#include "frostline/config.h"
#include "frostline/traffic.h"
#include "frostline/comm.h"
#include "frostline/kernel.h"
#include "frostline/each.h"
#include "frostline/conv.h"
#include "frostline/tensor.h"
#include "frostline/layer.h"
#include "frostline/weights.h"
#include "frostline/model.h"
#include "frostline/freeze.h"
#include "frostline/plan.h"
#include "frostline/frost.h"
#include "frostline/data.h"
#include "frostline/optim.h"
#include "frostline/reduce.h"
#include "frostline/checkpoint.h"
#include "frostline/train.h"
#include "frostline/cost.h"
#include "frostline/report.h"
#include "frostline/simulate.h"
#include "frostline/study.h"
/* clang-format on */

#endif
