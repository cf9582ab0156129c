// What libgomp orders, told to ThreadSanitizer, which cannot see into it: without this every parallel
// region looks like a race. Linked into the program, these stand before libgomp's functions and call them.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

namespace {
char fork, join, critical, atomics, ordered;
// Two in turn: who leaves one barrier late must not seem to follow who has come to the next.
char barriers[2];
thread_local unsigned passed;

template <typename F> F real(const char *name) { return reinterpret_cast<F>(dlsym(RTLD_NEXT, name)); }

struct Call {
    void (*body)(void *);
    void *data;
};

void ordered_call(void *given) {
    const Call *call = static_cast<const Call *>(given);
    __tsan_acquire(&fork);
    const unsigned outside = passed;
    passed = 0;
    call->body(call->data);
    passed = outside;
    __tsan_release(&join);
}
} // namespace

extern "C" {
using Body = void (*)(void *);

#define REAL(name) static const auto next = real<decltype(&name)>(#name)
#define AROUND(call)             \
    Call given = {body, data};   \
    __tsan_release(&fork);       \
    call;                        \
    __tsan_acquire(&join)

void GOMP_parallel(Body body, void *data, unsigned threads, unsigned flags) {
    REAL(GOMP_parallel);
    AROUND(next(ordered_call, &given, threads, flags));
}
unsigned GOMP_parallel_reductions(Body body, void *data, unsigned threads, unsigned flags) {
    REAL(GOMP_parallel_reductions);
    AROUND(const unsigned result = next(ordered_call, &given, threads, flags));
    return result;
}
void GOMP_parallel_sections(Body body, void *data, unsigned threads, unsigned count, unsigned flags) {
    REAL(GOMP_parallel_sections);
    AROUND(next(ordered_call, &given, threads, count, flags));
}

#define LOOP(name)                                                                                \
    void name(Body body, void *data, unsigned threads, long start, long end, long step, long chunk, \
              unsigned flags) {                                                                   \
        REAL(name);                                                                               \
        AROUND(next(ordered_call, &given, threads, start, end, step, chunk, flags));              \
    }
#define LOOP_AT_RUN_TIME(name)                                                              \
    void name(Body body, void *data, unsigned threads, long start, long end, long step,     \
              unsigned flags) {                                                             \
        REAL(name);                                                                         \
        AROUND(next(ordered_call, &given, threads, start, end, step, flags));               \
    }
LOOP(GOMP_parallel_loop_static)
LOOP(GOMP_parallel_loop_dynamic)
LOOP(GOMP_parallel_loop_guided)
LOOP(GOMP_parallel_loop_nonmonotonic_dynamic)
LOOP(GOMP_parallel_loop_nonmonotonic_guided)
LOOP_AT_RUN_TIME(GOMP_parallel_loop_runtime)
LOOP_AT_RUN_TIME(GOMP_parallel_loop_nonmonotonic_runtime)
LOOP_AT_RUN_TIME(GOMP_parallel_loop_maybe_nonmonotonic_runtime)

#define MEETING(name)                             \
    void name() {                                 \
        REAL(name);                               \
        char *const here = &barriers[passed++ % 2]; \
        __tsan_release(here);                     \
        next();                                   \
        __tsan_acquire(here);                     \
    }
MEETING(GOMP_barrier)
MEETING(GOMP_loop_end)
MEETING(GOMP_sections_end)

#define ENTER(name, place)      \
    void name() {               \
        REAL(name);             \
        next();                 \
        __tsan_acquire(&place); \
    }
#define LEAVE(name, place)      \
    void name() {               \
        REAL(name);             \
        __tsan_release(&place); \
        next();                 \
    }
ENTER(GOMP_critical_start, critical)
LEAVE(GOMP_critical_end, critical)
ENTER(GOMP_atomic_start, atomics)
LEAVE(GOMP_atomic_end, atomics)
ENTER(GOMP_ordered_start, ordered)
LEAVE(GOMP_ordered_end, ordered)

void GOMP_critical_name_start(void **name) {
    REAL(GOMP_critical_name_start);
    next(name);
    __tsan_acquire(name);
}
void GOMP_critical_name_end(void **name) {
    REAL(GOMP_critical_name_end);
    __tsan_release(name);
    next(name);
}
void omp_set_lock(void **lock) {
    REAL(omp_set_lock);
    next(lock);
    __tsan_acquire(lock);
}
void omp_unset_lock(void **lock) {
    REAL(omp_unset_lock);
    __tsan_release(lock);
    next(lock);
}
}
