// Copies between strided and contiguous memory, gathers and scatters.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

/// Places of an array: strides in elements, 0 = expanded, negative = flipped.
struct Layout {
  static constexpr int most = 8;
  int rank = 1;
  Index n = 1;
  Index dims[most] = {1}, strides[most] = {1};

  Index inner() const noexcept { return dims[rank - 1]; }
  Index inner_stride() const noexcept { return strides[rank - 1]; }
  /// Describes the operand whose first place is `data`.
  void describe(Description& d, const char* name, Operand::Access access, In data) const;
};

/// Without dimensions of size 1, neighbours joined where one stride runs through both; false if
/// more than Layout::most dimensions are left.
bool collapse(int rank, const Index* dims, const Index* strides, Layout& out) noexcept;

/// dst (contiguous) = src at the layout's places.
struct CopyStrided {
  static constexpr const char* name = "copy_strided";
  static constexpr bool reads_places = true;
  DType type;
  In src;
  Out dst;
  Layout layout;

  void describe(Description& d) const;
  CopyStrided piece(const void* const* in, void* to, Index count) const {
    const Index step = layout.n == 1 ? 1 : layout.strides[0];
    return {type, in[0], to, {1, count, {count}, {step}}};
  }
};

/// What goes from contiguous memory to the layout's places.
template <Operand::Access access>
struct Placed {
  static constexpr bool reads_places = false;
  DType type;
  In src;
  Out dst;
  Layout layout;

  void describe(Description& d) const {
    d.reads("src", src, layout.n);
    layout.describe(d, "dst", access, dst);
  }
};

/// dst at the layout's places = src.
struct CopyInto : Placed<Operand::Access::writes> {
  static constexpr const char* name = "copy_into";
};

/// dst at the layout's places += src.
struct AddInto : Placed<Operand::Access::updates> {
  static constexpr const char* name = "add_into";
};

/// dst = src, n elements that do not overlap.
struct Copy {
  static constexpr const char* name = "copy";
  DType type;
  In src;
  Out dst;
  Index n;

  void describe(Description& d) const {
    d.elementwise(n).reads("src", src, n).writes("dst", dst, n);
  }
  Copy piece(const void* const* in, void* to, Index count) const {
    return {type, in[0], to, count};
  }
};

// Along the axis of (outer, axis, inner), at indices that were checked before.

/// What the calls that follow have in common; src and dst are (outer, axis, inner) on the side that
/// the indices are of, and (outer, count, inner) on the other.
struct Indexed {
  DType type;
  In src;
  const Index* index;
  Index count;
  Out dst;
  Lengths of;

  Description& sizes(Description& d) const { return d.lengths(of).number("count", count); }
  /// Of the side that the indices are not of.
  Index chosen() const { return of.lines() * count; }
};

/// dst[o, j, :] = src[o, index[j], :]; src (outer, axis, inner), dst (outer, count, inner).
struct IndexSelect : Indexed {
  static constexpr const char* name = "index_select";

  void describe(Description& d) const {
    sizes(d).reads("src", src, of.all()).reads("index", index, count).writes("dst", dst, chosen());
  }
};

/// dst[o, index[j], :] += src[o, j, :].
struct IndexAdd : Indexed {
  static constexpr const char* name = "index_add";

  void describe(Description& d) const {
    sizes(d).reads("src", src, chosen()).reads("index", index, count).updates("dst", dst, of.all());
  }
};

/// dst[o, j, i] = src[o, index[o, j, i], i]; index and dst (outer, count, inner).
struct Gather : Indexed {
  static constexpr const char* name = "gather";

  void describe(Description& d) const {
    sizes(d)
        .reads("src", src, of.all())
        .reads("index", index, chosen())
        .writes("dst", dst, chosen());
  }
};

/// dst[o, index[o, j, i], i] += src[o, j, i].
struct ScatterAdd : Indexed {
  static constexpr const char* name = "scatter_add";

  void describe(Description& d) const {
    sizes(d)
        .reads("src", src, chosen())
        .reads("index", index, chosen())
        .updates("dst", dst, of.all());
  }
};

/// A call of CopyStrided, CopyInto or AddInto for places of any rank: one, unless more dimensions
/// than Layout::most are left.
template <class Call>
void run_strided(DType t, In src, Out dst, int rank, const Index* dims, const Index* strides) {
  Call call{t, src, dst, {}};
  if (collapse(rank, dims, strides, call.layout)) [[likely]]
    return run(call);
  Index inner = 1;
  for (int d = 1; d < rank; ++d) inner *= dims[d];
  const Index from = Call::reads_places ? strides[0] : inner,
              to = Call::reads_places ? inner : strides[0];
  for (Index i = 0; i < dims[0]; ++i)
    run_strided<Call>(t, src.plus(i * from, t), dst.plus(i * to, t), rank - 1, dims + 1,
                      strides + 1);
}

/// out (matrices, rows, cols) = x where column >= row + diagonal if `upper`, where column <= row +
/// diagonal otherwise; 0 elsewhere.
struct Triangle {
  static constexpr const char* name = "triangle";
  DType type;
  bool upper;
  In x;
  Out out;
  Index matrices, rows, cols, diagonal;

  void describe(Description& d) const {
    const Index n = matrices * rows * cols;
    d.number("upper", upper).number("rows", rows).number("cols", cols).number("diagonal", diagonal);
    d.reads("x", x, n).writes("out", out, n);
  }
};

/// Throws, in the name of `operation`, for an index that is not in low .. high - 1.
struct CheckIndices {
  static constexpr const char* name = "check_indices";
  /// What the indices are of: an axis, which has a number; classes; rows of a weight.
  static constexpr int classes = -1, rows_of_weight = -2;
  const char* operation;
  const Index* index;
  int rank;
  Index dims[8];  // of the index
  Index low, high;
  int axis;

  Index count() const;
  void describe(Description& d) const {
    d.number("low", low).number("high", high).reads("index", index, count());
  }
};

/// out (count, classes) = 1 where the class is index[i], 0 elsewhere; indices checked before.
struct OneHot {
  static constexpr const char* name = "one_hot";
  const Index* index;
  Index* out;
  Index count, classes;

  void describe(Description& d) const {
    d.number("classes", classes).reads("index", index, count).writes("out", out, count * classes);
  }
};

void execute(const CopyStrided& call);
void execute(const CopyInto& call);
void execute(const AddInto& call);
void execute(const Copy& call);
void execute(const IndexSelect& call);
void execute(const IndexAdd& call);
void execute(const Gather& call);
void execute(const ScatterAdd& call);
void execute(const Triangle& call);
void execute(const CheckIndices& call);
void execute(const OneHot& call);

}  // namespace gradus::kernels
