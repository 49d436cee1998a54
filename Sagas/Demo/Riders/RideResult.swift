import WaymarkClient

/// What a client heard in the end.
struct RideResult: Sendable {
    /// The answer, or why there was none.
    enum Reply: Sendable {
        case answer(Answer)
        case none(String)

        /// The answer, if there was one.
        var answer: Answer? { if case .answer(let answer) = self { answer } else { nil } }
    }

    /// What was asked for.
    let order: RideOrder
    /// One for each sending: two where it was doubled.
    let replies: [Reply]
    /// From the first sending to the last answer.
    let duration: Duration
}
