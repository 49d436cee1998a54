/// How long a run measures, and on how much.
struct Plan: Sendable {
    let name: String
    /// One measurement of either side.
    let windowSeconds: Int
    /// Measurements of either side, in turn: the machine is not the same from minute to minute.
    let rounds: Int
    /// Keys for what takes keys that are there already.
    let keys: Int
    /// Finished keys in the table, one table after the other.
    let tableSizes: [Int]
    /// Keys to be reaped.
    let reaped: Int
    /// Completionists side by side, one run after the other.
    let completionists: [Int]
    /// Connections over HTTP, one number after the other.
    let connections: [Int]
    /// How long a transaction is held open.
    let pinSeconds: Int

    var window: Duration { .seconds(windowSeconds) }

    /// Before each series, unmeasured: connections, statements, caches.
    static let warmUpSeconds = 1

    /// Every day, under three minutes.
    static let short = Plan(
        name: "short", windowSeconds: 2, rounds: 2, keys: 2_000, tableSizes: [0, 200_000], reaped: 100_000,
        completionists: [1, 2], connections: [16], pinSeconds: 60)

    static let long = Plan(
        name: "long", windowSeconds: 10, rounds: 5, keys: 20_000, tableSizes: [0, 1_000_000, 10_000_000],
        reaped: 1_000_000, completionists: [1, 2, 4, 8], connections: [1, 16, 128], pinSeconds: 600)
}
