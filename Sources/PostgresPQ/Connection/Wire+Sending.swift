import CLibPQ

extension Wire {
    private static let binaryResults: Int32 = 1

    /// Queues a statement with its parameters. `false` when libpq refuses it: the connection is broken.
    func sendUnprepared(_ query: PostgresQuery) -> Bool {
        withParameters(query.binds) { types, values, lengths, formats in
            PQsendQueryParams(
                pointer, query.sql, Int32(query.binds.count), types, values, lengths, formats, Self.binaryResults)
        } == 1
    }

    /// Queues the preparation of a statement.
    func sendPrepare(_ name: String, _ query: PostgresQuery) -> Bool {
        withParameters(query.binds) { types, _, _, _ in
            PQsendPrepare(pointer, name, query.sql, Int32(query.binds.count), types)
        } == 1
    }

    /// Queues the execution of a prepared statement.
    func sendPrepared(_ name: String, _ query: PostgresQuery) -> Bool {
        withParameters(query.binds) { _, values, lengths, formats in
            PQsendQueryPrepared(
                pointer, name, Int32(query.binds.count), values, lengths, formats, Self.binaryResults)
        } == 1
    }

    /// Lays parameters out as libpq wants them: parallel arrays that point into the bindings' buffer.
    private func withParameters(
        _ binds: PostgresBindings,
        _ body: (
            UnsafePointer<Oid>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Int32
    ) -> Int32 {
        let count = binds.count
        guard count > 0 else { return body(nil, nil, nil, nil) }
        let slots = binds.slots
        return binds.bytes.withUnsafeBufferPointer { bytes in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { values in
                withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count * 3) { numbers in
                    // An empty value needs an address too: a null pointer means NULL.
                    let empty = UnsafeMutableRawPointer(values.baseAddress!)
                    let base = bytes.baseAddress.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(empty)
                    for index in 0..<count {
                        let slot = slots[index]
                        let start = (base + slot.offset).assumingMemoryBound(to: CChar.self)
                        values.initializeElement(at: index, to: slot.length < 0 ? nil : start)
                        numbers.initializeElement(at: index, to: slot.type.rawValue)
                        numbers.initializeElement(at: count + index, to: UInt32(max(slot.length, 0)))
                        numbers.initializeElement(at: count * 2 + index, to: UInt32(slot.format.rawValue))
                    }
                    let types = UnsafePointer(numbers.baseAddress!)
                    return (types + count).withMemoryRebound(to: Int32.self, capacity: count * 2) { signed in
                        body(types, values.baseAddress, signed, signed + count)
                    }
                }
            }
        }
    }
}
