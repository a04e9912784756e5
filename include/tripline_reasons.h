/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tripline_reasons.h - why: the numbers of `reason` in a tripline_message, and of `cause` in NOT_SENT. Part of
 * tripline.h, which includes it. tripline_reason_name gives the name as text.
 *
 * Numbers are stable and never reused; the hundreds are groups. A library newer than this header may give a number that
 * is not here: treat it by its verdict or state, as every other.
 */
#ifndef TRIPLINE_REASONS_H
#define TRIPLINE_REASONS_H

/* Lifecycle. */

#define TRIPLINE_REASON_UNARMED 101         /* No trusted equity yet. */
#define TRIPLINE_REASON_WARMUP 102          /* Warm-up still runs. */
#define TRIPLINE_REASON_RECONCILING 103     /* A snapshot is awaited. */
#define TRIPLINE_REASON_READY_TO_RESUME 104 /* The cool-down is over; an operator resumes. */
#define TRIPLINE_REASON_LEASE_EXPIRED 105   /* No fresh permission from the sidecar. */
#define TRIPLINE_REASON_EPOCH_STALE 106     /* The answer belongs to an older halt epoch. */
#define TRIPLINE_REASON_NO_EXECUTOR 107     /* Nobody can carry out the directive. */

/* Validity of a request. */

#define TRIPLINE_REASON_UNKNOWN_INSTRUMENT 201    /* The instrument is not configured. */
#define TRIPLINE_REASON_UNKNOWN_ORDER 202         /* The order is not known. */
#define TRIPLINE_REASON_TICK 203                  /* The price is not on the tick. */
#define TRIPLINE_REASON_LOT 204                   /* The quantity is not on the lot. */
#define TRIPLINE_REASON_MIN_QTY 205               /* Quantity below the minimum. */
#define TRIPLINE_REASON_MAX_QTY 206               /* Quantity above the maximum. */
#define TRIPLINE_REASON_MIN_NOTIONAL 207          /* Notional below the minimum. */
#define TRIPLINE_REASON_MAX_NOTIONAL 208          /* Notional above the maximum. */
#define TRIPLINE_REASON_GTD_PAST 209              /* A good-till-date in the past. */
#define TRIPLINE_REASON_RESTRICTED 210            /* The instrument is restricted. */
#define TRIPLINE_REASON_DUPLICATE_ID 211          /* The order id was seen before. */
#define TRIPLINE_REASON_DUPLICATE_FINGERPRINT 212 /* The same order again, too soon. */
#define TRIPLINE_REASON_OCO_REARM 213             /* A second protective set for one fill. */
#define TRIPLINE_REASON_SELF_CROSS 214            /* The order would cross one of our own. */
#define TRIPLINE_REASON_LIST_MEMBER 215           /* Another member of the list was denied. */

/* Exposure. */

#define TRIPLINE_REASON_MAX_POSITION 301         /* Position limit. */
#define TRIPLINE_REASON_GROSS 302                /* Gross exposure limit. */
#define TRIPLINE_REASON_NET 303                  /* Net exposure limit. */
#define TRIPLINE_REASON_OPEN_ORDERS 304          /* Too many open orders. */
#define TRIPLINE_REASON_DAILY_COUNT 305          /* The day's count is spent. */
#define TRIPLINE_REASON_REDUCE_ONLY_SIZE 306     /* Larger than what is left to reduce. */
#define TRIPLINE_REASON_EXIT_SIZE 307            /* Larger than what is left to exit. */
#define TRIPLINE_REASON_EXIT_UNVERIFIED 308      /* No live engine verified the exit. */
#define TRIPLINE_REASON_BALANCE 309              /* Free balance too small. */
#define TRIPLINE_REASON_MARGIN 310               /* Free margin too small. */
#define TRIPLINE_REASON_LIQUIDATION_DISTANCE 311 /* The mark is close to the liquidation price. */
#define TRIPLINE_REASON_REROUTE 312              /* Opening elsewhere while a venue is down. */

/* Price. */

#define TRIPLINE_REASON_NO_MARK 401            /* No price to value it with. */
#define TRIPLINE_REASON_COLLAR 402             /* Too far from the mark. */
#define TRIPLINE_REASON_COLLAR_ACCUMULATED 403 /* Too far from the mark over time. */
#define TRIPLINE_REASON_MARK_SUSPECT 404       /* The mark jumped and is not confirmed. */
#define TRIPLINE_REASON_MARK_STALE 405         /* The mark is too old. */

/* Rate and queue. */

#define TRIPLINE_REASON_BUCKET_FULL 501        /* A rate bucket is full. */
#define TRIPLINE_REASON_BANNED 502             /* The venue banned us for a time. */
#define TRIPLINE_REASON_QUEUE_FULL 503         /* The queue is full. */
#define TRIPLINE_REASON_EXPIRED 504            /* Waited longer than its time to live. */
#define TRIPLINE_REASON_SUPERSEDED 505         /* A newer request took its place. */
#define TRIPLINE_REASON_BACKPRESSURE 506       /* The queue halts new work until it drains. */
#define TRIPLINE_REASON_REPEATED_EXECUTION 507 /* Too many automated executions since the last enable. */

/* Profit and loss. */

#define TRIPLINE_REASON_DRAWDOWN_SOFT 601      /* Drawdown on the worst valuation. */
#define TRIPLINE_REASON_DRAWDOWN 602           /* Drawdown, confirmed. */
#define TRIPLINE_REASON_DRAWDOWN_UNTRUSTED 603 /* Drawdown on readings nobody could trust for too long. */
#define TRIPLINE_REASON_PEAK_NONPOSITIVE 604   /* A percentage of a peak that is not positive. */
#define TRIPLINE_REASON_PNL_JUMP 605           /* One mark moved equity too far. */
#define TRIPLINE_REASON_MARGIN_DRAWDOWN 606    /* Unrealised loss against margin. */
#define TRIPLINE_REASON_FLOW_UNPRICED 607      /* A flow that could not be priced. */

/* Breaker. */

#define TRIPLINE_REASON_ERROR_RATE 701      /* Order error rate. */
#define TRIPLINE_REASON_CONSECUTIVE 702     /* Errors in a row. */
#define TRIPLINE_REASON_AUTH 703            /* Authentication errors. */
#define TRIPLINE_REASON_LIQUIDATION 704     /* Liquidation errors. */
#define TRIPLINE_REASON_HALF_OPEN_SPENT 705 /* No probe credits left. */
#define TRIPLINE_REASON_HALF_OPEN 706       /* Only a few requests may try, until enough of them succeed. */

/* Dependencies and market. */

#define TRIPLINE_REASON_HEARTBEAT 801    /* A heartbeat is missing. */
#define TRIPLINE_REASON_SUPERVISOR 802   /* One source is silent while its peers are not. */
#define TRIPLINE_REASON_STREAM 803       /* A stream is interrupted. */
#define TRIPLINE_REASON_DATABASE 804     /* The database is unreachable. */
#define TRIPLINE_REASON_VENUE_DOWN 805   /* The venue is unreachable. */
#define TRIPLINE_REASON_BOOK 806         /* The book is one-sided or stale. */
#define TRIPLINE_REASON_VOLATILITY 807   /* The market moves too fast. */
#define TRIPLINE_REASON_FILL_RATIO 808   /* Too few orders fill. */
#define TRIPLINE_REASON_ACK_LATENCY 809  /* Acknowledgements are slow. */
#define TRIPLINE_REASON_TRADE_RATE 810   /* Too many trades. */
#define TRIPLINE_REASON_CANCEL_RATIO 811 /* Too many cancels for the fills. */
#define TRIPLINE_REASON_GAUGE 812        /* A published gauge crossed its threshold. */

/* Operator and outside. */

#define TRIPLINE_REASON_OPERATOR 901 /* An operator's command. */
#define TRIPLINE_REASON_TRIGGER 902  /* An external trigger. */
#define TRIPLINE_REASON_ALERT 903    /* An alert. */
#define TRIPLINE_REASON_DRILL 904    /* A drill. */
#define TRIPLINE_REASON_FLEET 905    /* Another instance of the fleet. */
#define TRIPLINE_REASON_APPROVAL 906 /* Another approver has to agree first. */

/* Integrity. */

#define TRIPLINE_REASON_GAP 1001               /* Events are missing. */
#define TRIPLINE_REASON_CORRUPT 1002           /* A record that cannot be right. */
#define TRIPLINE_REASON_REPLAY 1003            /* Replay disagreed with the record. */
#define TRIPLINE_REASON_ARITHMETIC 1004        /* A sum or product overflowed. */
#define TRIPLINE_REASON_CAPACITY 1005          /* A table is full. */
#define TRIPLINE_REASON_CLIENT_DEAD 1006       /* The strategy's process is gone. */
#define TRIPLINE_REASON_STALL 1007             /* The sidecar itself stood still. */
#define TRIPLINE_REASON_JOURNAL_LAG 1008       /* The archive is too far behind. */
#define TRIPLINE_REASON_POSITION_MISMATCH 1009 /* Our position is not the venue's. */
#define TRIPLINE_REASON_CASH_MISMATCH 1010     /* Our cash is not the venue's. */
#define TRIPLINE_REASON_UNKNOWN_FILL 1011      /* A fill nobody can place. */
#define TRIPLINE_REASON_OVERFILL 1012          /* More filled than ordered. */
#define TRIPLINE_REASON_VIOLATION 1013         /* An order left after its writer had seen the halt. */
#define TRIPLINE_REASON_LAG 1014               /* The sidecar cannot keep up with this lane. */
#define TRIPLINE_REASON_UNRECORDED 1015        /* A halt without its record. */

/* Mode. */

#define TRIPLINE_REASON_PAPER_MODE 1101   /* Paper mode. */
#define TRIPLINE_REASON_LIVE_REFUSED 1102 /* Live mode refused while a cause remains. */

#endif /* TRIPLINE_REASONS_H */
