#pragma once

#include <cblas.h>

#include <mutex>

namespace gradus::kernels {

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
    if (!blas_is_reentrant()) lock_ = std::unique_lock(mutex());
  }

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  std::unique_lock<std::mutex> lock_;
};

}  // namespace gradus::kernels
