// Compiled against the types that openapi-typescript makes of docs/openapi.json.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

type Progress = components["schemas"]["Progress"];

export async function watch(baseUrl: string, token: string): Promise<Progress> {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  const { data, error } = await client.POST("/v1/tutorials/progress/{tutorialId}/chapter", {
    params: { path: { tutorialId: "python-basics" } },
    body: { chapterId: "variables", watchTime: 120.75, completed: true, lastPosition: null },
  });
  if (error) throw new Error(error.detail);
  return data;
}

export const positions = (progress: Progress): Map<string, number> =>
  new Map(progress.chapterProgress.map((chapter) => [chapter.chapterId, chapter.lastPosition]));

// @ts-expect-error: a watch time is a number
export const wrong: components["schemas"]["ChapterPost"] = { chapterId: "a", watchTime: "120" };
