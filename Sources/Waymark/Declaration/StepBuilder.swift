/// Chains steps: each step's output must be the next one's input, which the compiler checks.
@resultBuilder
public enum StepBuilder {
    public static func buildPartialBlock<First: Step>(first: First) -> First {
        first
    }

    public static func buildPartialBlock<Head: Step, Next: Step>(
        accumulated: Head, next: Next
    ) -> Chain<Head, Next> where Head.Output == Next.Input {
        Chain(head: accumulated, next: next)
    }

    // Of a step that does not fit the compiler names the overload that is nearer: with one requirement less it would say
    // that the step is no pause, instead of which types differ.
    public static func buildPartialBlock<Head: Step, Next: Pause & Hashable>(
        accumulated: Head, next: Next
    ) -> Chain<Head, SleepUntil<Head.Output>> {
        Chain(head: accumulated, next: next.passing(Head.Output.self))
    }

    public static func buildEither<First: Step, Second: Step>(first: First) -> Either<First, Second> {
        .first(first)
    }

    public static func buildEither<First: Step, Second: Step>(second: Second) -> Either<First, Second> {
        .second(second)
    }
}

/// Two steps, one after the other.
public struct Chain<Head: Step, Next: Step>: Step where Head.Output == Next.Input {
    let head: Head
    let next: Next

    public func declare(into steps: inout StepList) {
        head.declare(into: &steps)
        next.declare(into: &steps)
    }

    public typealias Input = Head.Input
    public typealias Output = Next.Output
}
