/// Parameters that are arrays.
extension PostgresBindings {
    /// Dimensions, whether there are NULLs, the elements' type, their number, and the lower bound, four bytes each.
    private static let headerLength = 20

    package func hasSameTypes(as other: PostgresBindings) -> Bool {
        slots.elementsEqual(other.slots) { $0.type == $1.type }
    }

    /// The parameters of one statement in place of several: each is the array of what the arrays at its place hold.
    ///
    /// - Parameter all: parameters of the same types, each a one-dimensional array with elements.
    package init(concatenating all: [PostgresBindings]) {
        self.init()
        guard let first = all.first else { return }
        reserveCapacity(first.count + 1)
        for index in first.slots.indices {
            let arrays = all.map { $0.bytes(at: index) }
            let counts = arrays.map { Self.integer(in: $0, at: 12) }
            let hasNull = arrays.contains { Self.integer(in: $0, at: 4) != 0 }
            append(type: first.slots[index].type) { buffer in
                buffer.appendInteger(Int32(1))
                buffer.appendInteger(Int32(hasNull ? 1 : 0))
                buffer.append(contentsOf: arrays[0].dropFirst(8).prefix(4))
                buffer.appendInteger(counts.reduce(0, +))
                buffer.appendInteger(Int32(1))
                for array in arrays { buffer.append(contentsOf: array.dropFirst(Self.headerLength)) }
            }
        }
        // What could not be encoded fails the statement, as it would have by itself.
        for binds in all { adopt(failureOf: binds) }
    }

    private func bytes(at index: Int) -> ArraySlice<UInt8> {
        let slot = slots[index]
        return bytes[slot.offset..<slot.offset + Int(max(slot.length, 0))]
    }

    private static func integer(in array: ArraySlice<UInt8>, at offset: Int) -> Int32 {
        array.dropFirst(offset).prefix(4).reduce(0) { $0 << 8 | Int32($1) }
    }
}
