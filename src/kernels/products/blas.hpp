#pragma once

#include <atomic>
#include <mutex>

// As <cblas.h> declares them, which a file that includes xtensor-blas cannot include.
extern "C" {
void openblas_set_num_threads(int threads);
int openblas_get_parallel(void);
char* openblas_get_config(void);
char* openblas_get_corename(void);
}

namespace gradus::kernels {

/// Of a function's forms for float and double that for T.
template <class T, class F, class D>
constexpr auto form_for(F single, [[maybe_unused]] D twice) {
  if constexpr (sizeof(T) == sizeof(float))
    return single;
  else
    return twice;
}

/// How many callers are in OpenBLAS, and for how many of them at once it had scratch memory.
struct BlasCallers {
  static std::atomic<int> now, provided;
  /// Throws if OpenBLAS cannot have its scratch memory for so many callers.
  static void provide(int callers);
};

/// Held during a call to OpenBLAS, which takes scratch memory for each caller at once, keeps it,
/// and tries again for ever where there is none.
class BlasScratch {
 public:
  BlasScratch() {
    const int callers = ++BlasCallers::now;
    if (callers <= BlasCallers::provided.load(std::memory_order_relaxed)) [[likely]]
      return;
    try {
      BlasCallers::provide(callers);
    } catch (...) {
      --BlasCallers::now;
      throw;
    }
  }
  ~BlasScratch() { --BlasCallers::now; }
  BlasScratch(const BlasScratch&) = delete;
  BlasScratch& operator=(const BlasScratch&) = delete;
};

/// True if several threads may call OpenBLAS at once: its serial variant shares scratch memory
/// without a lock.
inline bool blas_is_reentrant() { return openblas_get_parallel() != 0; }

/// Held during a call to OpenBLAS: one thread for itself, since a BLAS with threads of its own
/// would fight with the team and give other bits, and one caller at a time where it needs that.
class BlasGuard {
 public:
  BlasGuard() {
    static const bool once = (openblas_set_num_threads(1), true);
    static_cast<void>(once);
  }

 private:
  static std::mutex& mutex();
  std::unique_lock<std::mutex> lock_{blas_is_reentrant() ? std::unique_lock<std::mutex>()
                                                         : std::unique_lock(mutex())};
  BlasScratch scratch_;  // after the lock: one caller needs it once
};

}  // namespace gradus::kernels
