// Types only: nothing imports this file when the client runs.

/**
 * @typedef {object} Chapter
 * @property {string} chapterId
 * @property {boolean} completed
 * @property {number} watchTime seconds watched in all
 * @property {number} lastPosition seconds, where to resume
 */

/**
 * @typedef {object} Quiz
 * @property {string} quizId
 * @property {number} score of the best attempt
 * @property {number} maxScore of the same attempt
 * @property {number} attempts
 * @property {boolean} passed
 * @property {string | null} [completedAt] of the latest attempt, RFC 3339
 */

/**
 * A learner's progress in one tutorial, as the service returns it.
 * @typedef {object} Progress
 * @property {string} tutorialId
 * @property {string} userId
 * @property {number} chaptersCompleted
 * @property {number} totalChapters
 * @property {number} completionPercentage 0 to 100
 * @property {boolean} certificateEligible
 * @property {boolean} certificateEarned
 * @property {string | null} lastWatchedAt RFC 3339
 * @property {number} totalWatchTime seconds
 * @property {Chapter[]} chapterProgress
 * @property {Quiz[]} quizScores
 */

/** @typedef {Partial<Progress> & {tutorialId: string}} LocalProgress as another client kept it */

/**
 * @typedef {object} ListExtra
 * @property {string | null} title
 * @property {{chapterId: string, lastPosition: number, completed: boolean} | null} lastChapter
 * @typedef {Omit<Progress, "chapterProgress" | "quizScores"> & ListExtra} ListItem
 * @typedef {{items: ListItem[], next: string | null}} Page
 */

/**
 * @typedef {object} ListOptions
 * @property {"all" | "in_progress" | "completed"} [status] `all` by default
 * @property {number} [limit] 1 to 100 for a page, 20 by default
 * @property {string | null} [cursor] the `next` of the page before
 */

/**
 * @typedef {object} Certificate
 * @property {string} certificateId
 * @property {string} tutorialId
 * @property {string} userId
 * @property {string | null} title
 * @property {string | null} holderName
 * @property {string} issuedAt RFC 3339
 * @property {string | null} revokedAt
 * @property {string | null} revocationReason
 * @property {string} url the public page
 * @property {string | null} credential an Open Badges credential as a signed JWT
 */

/**
 * @typedef {object} Outline
 * @property {string} tutorialId
 * @property {string | null} title
 * @property {{chapterId: string, title?: string | null, duration?: number | null}[]} chapters
 * @property {{quizId: string, title?: string | null}[]} quizzes
 * @property {number} certificatePercentage
 * @property {string} updatedAt RFC 3339
 */

/** @typedef {{chapters: string[], quizzes: string[]}} Missing ids of what a certificate still needs */

/**
 * @typedef {object} QuizAttempt
 * @property {string} quizId
 * @property {number} score whole, 0 to maxScore
 * @property {number} maxScore whole, at least 1
 * @property {boolean} passed
 */

/**
 * @typedef {object} ChapterState
 * @property {string} chapterId
 * @property {number} watchTime seconds watched in all, earlier visits included
 * @property {number} [lastPosition] seconds, where to resume
 * @property {boolean} [completed] leave it out to keep what is recorded
 * @property {number} [totalChapters] chapters of the tutorial
 */

/**
 * What a player has to have. Every HTMLMediaElement has it; for other players write an adapter: an
 * EventTarget with four properties. It dispatches `timeupdate`, `play`, `pause`, `ended` and
 * `durationchange`, and `seeking` and `ratechange` if it knows them.
 * @typedef {object} Player
 * @property {number} currentTime seconds; setting it seeks
 * @property {number} duration seconds; NaN or 0 while unknown
 * @property {number} playbackRate
 * @property {boolean} paused
 * @property {EventTarget["addEventListener"]} addEventListener
 */

/**
 * @typedef {object} TrackOptions
 * @property {string} tutorialId
 * @property {string} chapterId
 * @property {number} [totalChapters] chapters of the tutorial
 * @property {number} [completeAt] part of the chapter that makes it completed, above 0 to 1; 0.9
 */

/**
 * One thing that waits to be sent, or the mark of a chapter, or the base of a visit.
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} scope the service and the learner that it is for
 * @property {OutboxEvent} [event]
 * @property {string} [unbased] the id of the visit, if watchTime has the seconds of that visit alone
 * @property {Mark} [mark]
 * @property {number} [at] when a mark or a base was stored, in milliseconds since 1970
 * @property {{tutorialId: string, watchTime: number}} [base] what the service knew before the visit
 *   whose id this is, in seconds
 */

/**
 * @typedef {object} Mark what this browser remembers of a chapter
 * @property {string} tutorialId
 * @property {string} chapterId
 * @property {[number, number][]} seen seconds, from and to
 * @property {number} [watchTime] seconds in all, if known
 * @property {number} lastPosition
 * @property {boolean} completed
 */

/**
 * @typedef {object} EventBase
 * @property {string} id
 * @property {string} tutorialId
 * @property {string} at RFC 3339
 * @typedef {EventBase & {type: "chapter"} & ChapterState} ChapterEvent
 * @typedef {EventBase & {type: "quiz", completedAt?: string} & QuizAttempt} QuizEvent
 * @typedef {EventBase & {type: "complete", holderName?: string}} CompleteEvent
 * @typedef {ChapterEvent | QuizEvent | CompleteEvent} OutboxEvent
 */

/**
 * Where entries are kept. `change` stores or replaces entries by id and removes others, at once.
 * @typedef {object} Store
 * @property {() => Promise<Entry[]>} all
 * @property {(puts: Entry[], removals: string[]) => Promise<void>} change
 */

/**
 * @typedef {object} Options
 * @property {string} url of the service, with its prefix, such as
 *   `https://api.example.com/v1/tutorials/progress`
 * @property {string | null | (() => string | null | Promise<string | null>)} [token] the learner's
 *   token, or a function that returns it; asked again when the service rejects a token
 * @property {string | null} [userId] the learner; by default the token's `sub`, and without a token
 *   a visitor: nothing is sent before `adopt`
 * @property {Store} [storage] by default IndexedDB, else localStorage, else memory
 * @property {typeof globalThis.fetch} [fetch]
 */

export {};
